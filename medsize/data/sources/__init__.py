"""Where cases come from: data-set layouts and lists of files."""

from medsize.data.sources.acdc_lists import listed_patients, paper_validation_cases
from medsize.data.sources.case_list import CaseList, resolve_structures
from medsize.data.sources.find import find_cases, labels_of
from medsize.data.sources.manifest import read_manifest

__all__ = [
    "CaseList",
    "find_cases",
    "labels_of",
    "listed_patients",
    "paper_validation_cases",
    "read_manifest",
    "resolve_structures",
]
