"""From a configuration to its cases."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from medsize.config.data import (
    AcdcSource,
    CocoSource,
    DataConfig,
    FolderSource,
    ManifestSource,
    Source,
    VocSource,
)
from medsize.config.model import Model
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

_LABELS: Final[dict[type[Model], Mapping[str, int]]] = {
    AcdcSource: ACDC_LABELS,
    VocSource: VOC_LABELS,
    CocoSource: COCO_LABELS,
}
"""Structures and their values in the label files; the other sources say them in their settings."""

_FIND: Final[dict[type[Model], Callable[[Any, Path, Path], list[Case]]]] = {
    AcdcSource: lambda _source, root, _cache: find_acdc_cases(root),
    VocSource: lambda source, root, _cache: find_voc_cases(root, source.train),
    CocoSource: lambda source, root, cache: find_coco_cases(root, source.year, cache),
    FolderSource: lambda source, root, _cache: find_folder_cases(source, root),
}
"""From a source, its folder and the cache to its cases."""


def labels_of(source: Source) -> dict[str, int]:
    """Return the structures of a source and their values in its label files, whether or not its files are here."""
    return dict(source.labels if isinstance(source, ManifestSource | FolderSource) else _LABELS[type(source)])


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
        raise InputError(
            "where the data is was not said",
            expected=f"--data-root FOLDER (data.source.root) with {source.holds}",
            remedy=source.where,
        )
    return _FIND[type(source)](source, source.root, cache)
