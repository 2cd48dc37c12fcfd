"""Who trains and who is held out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from medsize.config.data import HoldoutSplit, ManifestSplit, OfficialSplit, PaperSplit, PatientsSplit, Split
from medsize.data.case import Case
from medsize.data.sources import listed_patients, paper_validation_cases
from medsize.errors import InputError
from medsize.names import name_finder, quoted
from medsize.text import read_text

FOLDS = 5


def split_cases(cases: Sequence[Case], split: Split) -> list[Case]:
    """Return the cases with their ``split`` (train, val, test) and, where there are folds, ``fold``.

    Cases whose source already calls them ``test`` stay so, whatever the split.

    Raises:
        InputError: The split does not fit the cases.
    """
    match split:
        case PaperSplit():
            return _by_paper(cases)
        case PatientsSplit(fold=fold):
            return _by_fold(cases, patient_folds(cases), fold)
        case ManifestSplit(fold=int(fold)):
            return _by_fold(cases, {case.group: case.fold for case in cases}, fold)
        case ManifestSplit() | OfficialSplit():
            return _as_written(cases)
        case HoldoutSplit():
            held_out = _listed(cases, split.ids) if split.ids else _drawn(cases, split)
            return [replace(case, split="val" if case.id in held_out else "train") for case in cases]


def held_out_leaks(cases: Sequence[Case]) -> list[str]:
    """Return the groups that have cases both in training and held out: their scores are not honest."""
    train = {case.group for case in cases if case.split == "train"}
    return sorted(train & {case.group for case in cases if case.split in ("val", "test")})


def patient_folds(cases: Sequence[Case]) -> dict[str, int]:
    """Return the fold of every group (patient) that is not a test patient.

    For patients of a shipped list, with the pathologies that it gives them, the list says it. For others the same
    rule makes it: sorted by pathology and, within, by patient, the fold is the position modulo five.
    """
    pathology = {case.group: case.pathology or "" for case in cases if case.split != "test"}
    listed = listed_patients()
    if all(group in listed and listed[group][0] == name for group, name in pathology.items()):
        return {group: listed[group][1] for group in pathology}
    ordered = sorted(pathology, key=lambda group: (pathology[group], group))
    return {group: position % FOLDS for position, group in enumerate(ordered)}


def _by_fold(cases: Sequence[Case], fold_of: Mapping[str, int | None], held_out: int) -> list[Case]:
    folds = sorted({fold for fold in fold_of.values() if fold is not None})
    if held_out not in folds:
        raise InputError(
            f"fold {held_out} cannot be held out: no case is in it",
            expected=f"one of the folds {', '.join(map(str, folds))}" if folds else "cases with a fold",
            found=f"{len(fold_of)} groups in {len(folds)} folds",
        )
    return [
        case
        if case.split == "test"
        else replace(case, fold=fold_of[case.group], split="val" if fold_of[case.group] == held_out else "train")
        for case in cases
    ]


def _by_paper(cases: Sequence[Case]) -> list[Case]:
    held_out = set(paper_validation_cases())
    missing = held_out - {case.id for case in cases}
    if missing:
        raise InputError(
            "the split 'paper' does not fit this data",
            expected=f"the {len(held_out)} validation scans that it lists",
            found=f"{len(missing)} of them are not here, e.g. {min(missing)}",
            remedy="use the split 'patients', or the whole training set",
        )
    return [
        case if case.split == "test" else replace(case, split="val" if case.id in held_out else "train")
        for case in cases
    ]


def _as_written(cases: Sequence[Case]) -> list[Case]:
    undecided = [case.id for case in cases if not case.split]
    if undecided:
        raise InputError(
            f"{len(undecided)} case(s) have no split",
            expected="train, val or test in the column split, or a fold to hold out (data.split.fold)",
            found=f"empty for {', '.join(undecided[:5])}{', …' if len(undecided) > 5 else ''}",
        )
    counts = Counter(case.split for case in cases)
    if not counts["train"]:
        raise InputError("there is no case to train on", found=f"{dict(counts)}")
    return list(cases)


def _drawn(cases: Sequence[Case], split: HoldoutSplit) -> set[str]:
    if split.count is not None and split.count >= len(cases):
        raise InputError(
            f"{split.count} images cannot be held out",
            expected=f"fewer than the {len(cases)} there are",
            remedy="lower data.split.count",
        )
    ids = sorted(case.id for case in cases)
    order = np.random.default_rng(split.seed).permutation(len(ids))
    chosen = order[split.fold :: split.folds] if split.count is None else order[: split.count]
    return {ids[number] for number in chosen}


def _listed(cases: Sequence[Case], path: Path) -> set[str]:
    expected = "names of some of the images, without suffix, one a line"
    lines = [line.strip() for line in read_text(path, expected).splitlines()]
    listed = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    find = name_finder(case.id for case in cases)
    found = {name: find(name) for name in listed}
    unknown = sorted(name for name, case in found.items() if case is None)
    held_out = {case for case in found.values() if case is not None}
    if unknown or not listed or len(held_out) == len(cases):
        raise InputError(
            f"{path} does not fit the images",
            expected=expected,
            found=f"{len(listed)} names, of which {len(unknown)} are no image"
            + (f", e.g. {quoted(unknown[0])}" if unknown else f"; there are {len(cases)} images"),
        )
    return held_out
