"""A manifest: the user's own volumes, listed in a CSV."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from medsize.data.case import Case
from medsize.errors import InputError, InputErrors

COLUMNS = ("case", "group", "image", "label", "split", "fold", "instances")
REQUIRED = ("case", "image")
SPLITS = ("train", "val", "test")

_EXPECTED = f"a comma-separated table with the columns {', '.join(COLUMNS)}"


def read_manifest(path: Path) -> list[Case]:
    """Read a manifest with the columns :data:`COLUMNS`; only case and image must be there.

    Paths are relative to the manifest's own folder. Without a group a case is its own. A label may be absent, a
    split is ``train``, ``val``, ``test`` or empty, and a fold is a whole number. ``instances`` names maps of the
    objects in the labels of photos. Other columns are left alone.

    Raises:
        InputError: The file or its header cannot be used.
        InputErrors: Rows cannot be used, or a group is on two sides of the split; all are listed.
    """
    rows = _read_rows(path)
    cases: list[Case] = []
    problems: list[InputError] = []
    for number, row in rows:
        try:
            cases.append(_case(row, path.parent, f"{path}, row {number}"))
        except InputError as error:
            problems.append(error)
    problems += _repeated(path, [(number, row["case"]) for number, row in rows], "case")
    problems += _repeated(path, [(number, row["image"]) for number, row in rows], "image")
    problems += _leaks(path, ((case.group, case.split) for case in cases), "split")
    problems += _leaks(path, ((case.group, case.fold) for case in cases), "fold")
    if problems:
        raise InputErrors(problems)
    return cases


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows that hold something, with their line numbers (the header is line 1)."""
    if not path.is_file():
        raise InputError(f"{path}: no such file", expected=f"the manifest, {_EXPECTED}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        table = list(csv.reader(lines, strict=True))
    except (UnicodeDecodeError, csv.Error, PermissionError) as error:
        raise InputError(f"{path} cannot be read", expected=f"{_EXPECTED}, UTF-8", found=str(error)) from error
    header = [name.strip() for name in table[0]] if table else []
    _check_header(header, path)
    rows = []
    for number, values in enumerate(table[1:], start=2):
        if len(values) > len(header):
            raise InputError(
                f"{path}, row {number} has too many values",
                expected=f"{len(header)}, one a column",
                found=str(len(values)),
                remedy="put quotation marks around a value that holds a comma",
            )
        if any(value.strip() for value in values):
            padded = [value.strip() for value in values] + [""] * (len(header) - len(values))
            rows.append((number, dict.fromkeys(COLUMNS, "") | dict(zip(header, padded, strict=True))))
    if not rows:
        raise InputError(f"{path} lists no case", expected=_EXPECTED, found="no rows")
    return rows


def _check_header(header: list[str], path: Path) -> None:
    if len(header) == 1 and ";" in header[0]:
        raise InputError(
            f"{path} is separated by semicolons",
            expected=_EXPECTED,
            found=header[0],
            remedy="export it with commas ('CSV UTF-8' in a spreadsheet with English settings)",
        )
    strange = [name for name in header if name not in COLUMNS]
    meant = {name: get_close_matches(name.lower(), COLUMNS, n=1) for name in strange}
    missing = [name for name in REQUIRED if name not in header]
    typos = {name: close[0] for name, close in meant.items() if close and close[0] not in header}
    if missing or typos:
        problem = f"no column {' and no column '.join(missing)}" if missing else "a column is not known"
        raise InputError(
            f"{path}: {problem}",
            expected=_EXPECTED,
            found=", ".join(header) or "an empty file",
            remedy="; ".join(f"did you mean '{close}' by '{name}'?" for name, close in typos.items()) or None,
        )
    if len(set(header)) < len(header):
        raise InputError(f"{path}: a column is there twice", expected=_EXPECTED, found=", ".join(header))


def _case(row: dict[str, str], folder: Path, where: str) -> Case:
    for name in REQUIRED:
        if not row[name]:
            raise InputError(f"{where}: the {name} is empty", expected=f"a value in the column {name}")
    if "/" in row["case"] or "\\" in row["case"]:
        raise InputError(f"{where}: a case may not be named '{row['case']}'", expected="a name without / and \\")
    if row["split"] not in ("", *SPLITS):
        raise InputError(
            f"{where}: the split cannot be used", expected=f"{', '.join(SPLITS)} or empty", found=row["split"]
        )
    if row["fold"] and not row["fold"].isdecimal():
        raise InputError(f"{where}: the fold cannot be used", expected="0, 1, 2, … or empty", found=row["fold"])
    return Case(
        id=row["case"],
        group=row["group"] or row["case"],
        image=_existing(folder / row["image"], where, row["case"]),
        label=_existing(folder / row["label"], where, row["case"]) if row["label"] else None,
        split=row["split"],
        fold=int(row["fold"]) if row["fold"] else None,
        instances=_existing(folder / row["instances"], where, row["case"]) if row["instances"] else None,
    )


def _existing(path: Path, where: str, case: str) -> Path:
    if not path.exists():
        raise InputError(
            f"{where} (case {case}): no such file",
            found=str(path),
            remedy="paths are relative to the folder of the manifest",
        )
    return path


def _repeated(path: Path, values: Iterable[tuple[int, str]], column: str) -> list[InputError]:
    rows = defaultdict(list)
    for number, value in values:
        rows[value].append(number)
    return [
        InputError(f"{path}: {column} '{value}' is in rows {', '.join(map(str, numbers))}", expected="one row")
        for value, numbers in rows.items()
        if value and len(numbers) > 1
    ]


def _leaks(path: Path, sides: Iterable[tuple[str, object]], column: str) -> list[InputError]:
    of_group: dict[str, set[object]] = defaultdict(set)
    for group, side in sides:
        of_group[group].add(side)
    return [
        InputError(
            f"{path}: group '{group}' is on both sides: a leak",
            expected=f"every case of a group in one {column}",
            found=", ".join(sorted("empty" if side in ("", None) else str(side) for side in found)),
        )
        for group, found in of_group.items()
        if len(found) > 1
    ]
