"""From a configuration to its cases."""

from medsize.config.data import DataConfig
from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.sources.case_list import CaseList, resolve_structures
from medsize.data.sources.manifest import read_manifest
from medsize.errors import InputError


def find_cases(config: DataConfig) -> CaseList:
    """Find every case of the configured source.

    Raises:
        InputError: The source is not there or cannot be used, or a structure is not in it.
    """
    source = config.source
    if source.kind == "manifest":
        return CaseList(
            read_manifest(source.path), dict(source.labels), resolve_structures(config.structures, source.labels)
        )
    structures = resolve_structures(config.structures, ACDC_LABELS)
    if source.root is None:
        raise InputError(
            "where the data is was not said",
            expected="--data-root FOLDER (data.source.root) with the ACDC data set",
            remedy="ACDC is at https://www.creatis.insa-lyon.fr/Challenge/acdc/; to try without data, "
            "'medsize data phantom FOLDER' writes a synthetic data set of the same layout",
        )
    return CaseList(find_acdc_cases(source.root), dict(ACDC_LABELS), structures)
