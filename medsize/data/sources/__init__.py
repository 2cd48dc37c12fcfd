"""Where cases come from: data-set layouts and lists of files."""

from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.sources.case_list import CaseList
from medsize.data.sources.find import find_cases
from medsize.data.sources.manifest import read_manifest

__all__ = ["ACDC_LABELS", "CaseList", "find_acdc_cases", "find_cases", "read_manifest"]
