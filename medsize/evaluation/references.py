"""The reference that predictions are compared with: labels of cases, and what is known about the cases."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from medsize.config.data import DEFAULT_LAYOUT, DataConfig
from medsize.data.case import Case
from medsize.data.formats import ITK_SUFFIXES, NIFTI_SUFFIXES
from medsize.errors import InputError, InputErrors
from medsize.evaluation.dataset_json import named_labels
from medsize.metrics.confusion import VOID
from medsize.names import check_structure_name

_SUFFIXES = NIFTI_SUFFIXES + ITK_SUFFIXES
_MASK_SUFFIX = ".png"
_LABEL_ENDING = "_gt"
_VALUES = (
    "--structure NAME=VALUE for each structure in the label files, e.g. --structure lv=3, or object=255 of binary masks"
)


@dataclass(frozen=True, slots=True)
class References:
    """What predictions are compared with.

    Attributes:
        cases: Every case to be evaluated; all have labels.
        labels: Looks up the value of every structure that may be in the files, where something says so.
        groups_from: Who says which cases belong together, in words.
        unevaluated: Held-out cases that have no label.
        left_out: Cases of the manifest that are no held-out ones.
    """

    cases: tuple[Case, ...]
    labels: Callable[[], dict[str, int]]
    groups_from: str
    unevaluated: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def find_references(reference: Path, *, beside: Path) -> References:
    """Find the labels that predictions are compared with.

    Args:
        reference: A manifest (CSV), whose held-out cases (``val`` and ``test``) count where it names any; a folder of
            label files, ``<case>.nii.gz`` or ``<case>_gt.nii.gz`` or the like; or a folder in the
            layout that medsize takes by default.
        beside: The folder of the predictions, where nnU-Net leaves its ``dataset.json``.

    Raises:
        InputError: There is no such place, or no label in it.
        InputErrors: Cases of it cannot be used.
    """
    if reference.is_file():
        return _of_manifest(reference, beside)
    if not reference.is_dir():
        raise InputError(
            f"{reference}: no such file or folder",
            expected=f"a folder of label files, {DEFAULT_LAYOUT.title} or a manifest",
        )
    files = label_files(reference)
    if not files:
        return _of_layout(reference)
    cases = tuple(Case(id=name, group=name, image=path, label=path) for name, path in files.items())
    labels = partial(named_labels, reference, reference.parent, beside)
    return References(cases, labels, "nothing: each case is its own")


def label_files(folder: Path) -> dict[str, Path]:
    """Return the label files directly in a folder by the name of their case, sorted.

    Where a case has both ``<case>`` and ``<case>_gt``, the former is its image. Masks of photos are PNG files, and are
    label files where there is no volume beside them.

    Raises:
        InputErrors: Two files are of one case.
    """
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    volumes = [path for path in files if path.name.lower().endswith(_SUFFIXES)]
    found: dict[str, list[Path]] = defaultdict(list)
    for path in volumes or [path for path in files if path.name.lower().endswith(_MASK_SUFFIX)]:
        found[_stem(path)].append(path)
    labelled = {name.removesuffix(_LABEL_ENDING) for name in found if name.endswith(_LABEL_ENDING)}
    of_case = {name.removesuffix(_LABEL_ENDING): paths for name, paths in found.items() if name not in labelled}
    several = {name: paths for name, paths in of_case.items() if len(paths) > 1}
    if several:
        raise InputErrors(
            [
                InputError(
                    f"{folder}: {len(paths)} files are of case {name}",
                    found=", ".join(path.name for path in paths),
                    remedy="leave one of them there",
                )
                for name, paths in several.items()
            ]
        )
    return {name: paths[0] for name, paths in sorted(of_case.items())}


def choose_structures(given: Sequence[str], labels: Mapping[str, int]) -> dict[str, int]:
    """Return the structures to measure and their values.

    Args:
        given: Texts of ``--structure``: ``lv=3``, or ``lv`` where ``labels`` knows it; none for all of ``labels``.
        labels: The values that are known.

    Raises:
        InputError: Nothing says what the values mean, or a text cannot be used.
    """
    if not given and not labels:
        raise InputError(
            "nothing says what the values in the label files mean",
            expected=f"{_VALUES}; or nnU-Net's dataset.json beside the labels or the predictions",
        )
    chosen: dict[str, int] = {}
    for text in given:
        name, _, number = (part.strip() for part in text.partition("="))
        if not number and name in labels:
            number = str(labels[name])
        if not name or not number.isdecimal() or not 1 <= int(number) <= 255:
            close = get_close_matches(name, labels, n=1)
            known = f", or one of {_listed(labels)}" if labels else ""
            raise InputError(
                "--structure cannot be used",
                expected=f"NAME=VALUE with a whole number from 1 to 255{known}",
                found=text,
                remedy=f"did you mean '{close[0]}'?" if close else None,
            )
        if int(number) == VOID and len(given) > 1:
            raise InputError(
                f"--structure: {VOID} means void where there are several structures", found=", ".join(given)
            )
        if name in chosen or int(number) in chosen.values():
            raise InputError("--structure names a structure or a value twice", found=", ".join(given))
        chosen[check_structure_name(name)] = int(number)
    return chosen or dict(labels)


def _of_manifest(path: Path, beside: Path) -> References:
    from medsize.data.sources import read_manifest  # imports torch, which folders of label files do without

    cases = read_manifest(path)
    held_out = [case for case in cases if case.split in ("val", "test")] or cases
    labelled = tuple(case for case in held_out if case.label is not None)
    if not labelled:
        raise InputError(
            f"{path} names no label to compare with",
            expected="a file in the column label of the cases that are held out (val or test), or of all",
            found=f"{len(held_out)} case(s), none of them with a label",
        )
    return References(
        cases=labelled,
        labels=partial(named_labels, path.parent, beside),
        groups_from=f"the column group of {path.name}",
        unevaluated=tuple(case.id for case in held_out if case.label is None),
        left_out=tuple(case.id for case in cases if case not in held_out),
    )


def _of_layout(folder: Path) -> References:
    from medsize.data.sources import find_cases  # likewise

    try:
        found = find_cases(DataConfig(source=DEFAULT_LAYOUT.model_copy(update={"root": folder}), structures=("all",)))
    except InputErrors:
        raise
    except InputError as error:
        content = sorted(child.name for child in folder.iterdir())
        raise InputError(
            f"{folder} holds no label files",
            expected=f"files <case> or <case>{_LABEL_ENDING} of the kinds {', '.join((*_SUFFIXES, _MASK_SUFFIX))}, "
            f"or {DEFAULT_LAYOUT.title}",
            found=_listed(content) or "an empty folder",
        ) from error
    return References(
        cases=tuple(case for case in found.cases if case.label is not None),
        labels=lambda: found.labels,
        groups_from=DEFAULT_LAYOUT.groups,
        unevaluated=tuple(case.id for case in found.cases if case.label is None),
    )


def _stem(path: Path) -> str:
    suffix = next(suffix for suffix in (*_SUFFIXES[::-1], _MASK_SUFFIX) if path.name.lower().endswith(suffix))
    return path.name[: len(path.name) - len(suffix)]


def _listed(names: Sequence[str] | Mapping[str, int], most: int = 6) -> str:
    shown = ", ".join(list(names)[:most])
    return f"{shown}, …" if len(names) > most else shown
