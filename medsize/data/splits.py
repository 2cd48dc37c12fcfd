"""Who trains and who is held out."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from medsize.config.data import ManifestSplit, PaperSplit, PatientsSplit
from medsize.data.case import Case
from medsize.errors import InputError
from medsize.shipped import shipped

FOLDS = 5


def split_cases(cases: Sequence[Case], split: PatientsSplit | PaperSplit | ManifestSplit) -> list[Case]:
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
        case ManifestSplit():
            return _as_written(cases)


def held_out_leaks(cases: Sequence[Case]) -> list[str]:
    """Return the groups that have cases both in training and held out: their scores are not honest."""
    train = {case.group for case in cases if case.split == "train"}
    return sorted(train & {case.group for case in cases if case.split in ("val", "test")})


def patient_folds(cases: Sequence[Case]) -> dict[str, int]:
    """Return the fold of every group (patient) that is not a test patient.

    For ACDC's own training patients, with the pathologies ACDC gives them, the shipped list
    ``acdc_patients.csv`` says it. For others the same rule makes it: sorted by pathology and, within, by patient,
    the fold is the position modulo five.
    """
    pathology = {case.group: case.pathology or "" for case in cases if case.split != "test"}
    listed = _shipped_patients()
    if all(listed.get(group, ("", 0))[0] == name for group, name in pathology.items()):
        return {group: listed[group][1] for group in pathology}
    ordered = sorted(pathology, key=lambda group: (pathology[group], group))
    return {group: position % FOLDS for position, group in enumerate(ordered)}


def paper_validation_cases() -> list[str]:
    """Return the 25 scans that the size-constraint authors hold out, as case ids."""
    return _shipped_lines("acdc_paper_val.txt")


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
            expected=f"the {len(held_out)} validation scans of ACDC that it lists",
            found=f"{len(missing)} of them are not here, e.g. {min(missing)}",
            remedy="use the split 'patients', or the whole ACDC training set",
        )
    return [
        case if case.split == "test" else replace(case, split="val" if case.id in held_out else "train")
        for case in cases
    ]


def _as_written(cases: Sequence[Case]) -> list[Case]:
    undecided = [case.id for case in cases if not case.split]
    if undecided:
        raise InputError(
            f"{len(undecided)} case(s) of the manifest have no split",
            expected="train, val or test in the column split, or a fold to hold out (data.split.fold)",
            found=f"empty for {', '.join(undecided[:5])}{', …' if len(undecided) > 5 else ''}",
        )
    counts = Counter(case.split for case in cases)
    if not counts["train"]:
        raise InputError("the manifest has no case to train on", found=f"{dict(counts)}")
    return list(cases)


def _shipped_patients() -> dict[str, tuple[str, int]]:
    rows = csv.DictReader(_shipped_lines("acdc_patients.csv"))
    return {row["patient"]: (row["group"], int(row["fold"])) for row in rows}


def _shipped_lines(name: str) -> list[str]:
    lines = (shipped("data_manifests") / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]
