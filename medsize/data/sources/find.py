"""From a configuration to its cases."""

from pathlib import Path

from medsize.config.data import DataConfig, Source
from medsize.data.cache import default_cache
from medsize.data.case import Case
from medsize.data.sources.acdc import ACDC_LABELS, find_acdc_cases
from medsize.data.sources.case_list import CaseList, resolve_structures
from medsize.data.sources.case_names import name_problems
from medsize.data.sources.coco import COCO_LABELS, find_coco_cases
from medsize.data.sources.folder import find_folder_cases
from medsize.data.sources.manifest import read_manifest
from medsize.data.sources.voc import VOC_LABELS, find_voc_cases
from medsize.errors import InputError, InputErrors

_WHERE = {
    "acdc": (
        "the ACDC data set",
        "ACDC is at https://www.creatis.insa-lyon.fr/Challenge/acdc/; to try without data, "
        "'medsize data phantom FOLDER' writes a synthetic data set of the same layout",
    ),
    "voc": ("PASCAL VOC 2012", "VOC is at http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"),
    "coco": ("COCO 2014 or 2017", "COCO is at https://cocodataset.org/#download"),
    "folder": ("a folder of images and a folder of masks", None),
}


def labels_of(source: Source) -> dict[str, int]:
    """Return the structures of a source and their values in its label files, whether or not its files are here."""
    match source.kind:
        case "manifest" | "folder":
            return dict(source.labels)
        case "acdc":
            return dict(ACDC_LABELS)
        case "voc":
            return dict(VOC_LABELS)
        case "coco":
            return dict(COCO_LABELS)


def find_cases(config: DataConfig) -> CaseList:
    """Find every case of the configured source.

    Raises:
        InputError: The source is not there or cannot be used, or a structure is not in it.
        InputErrors: Names of cases cannot be used, or files are links that lead nowhere.
    """
    place = config.source.path if config.source.kind == "manifest" else config.source.root
    if place and not _is_utf8(str(place)):
        raise InputError(
            f"the name of {place} is in another encoding than UTF-8",
            expected="a path that can be written into config.yaml",
            remedy="rename the folder",
        )
    labels = labels_of(config.source)
    structures = resolve_structures(config.structures, labels)
    cases = _cases(config.source, config.cache or default_cache())
    if problems := name_problems(cases):
        raise InputErrors(problems)
    return CaseList(cases, labels, structures)


def _is_utf8(text: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in text)


def _cases(source: Source, cache: Path) -> list[Case]:
    if source.kind == "manifest":
        return read_manifest(source.path)
    if source.root is None:
        name, remedy = _WHERE[source.kind]
        raise InputError(
            "where the data is was not said",
            expected=f"--data-root FOLDER (data.source.root) with {name}",
            remedy=remedy,
        )
    match source.kind:
        case "acdc":
            return find_acdc_cases(source.root)
        case "voc":
            return find_voc_cases(source.root, source.train)
        case "coco":
            return find_coco_cases(source.root, source.year, cache)
        case "folder":
            return find_folder_cases(source, source.root)
