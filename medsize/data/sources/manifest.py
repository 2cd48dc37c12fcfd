"""A manifest: the user's own volumes, listed in a CSV."""

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from medsize.data.case import Case
from medsize.data.folders import link_problem
from medsize.data.sources.case_names import DIFFERENT, cut
from medsize.errors import InputError, InputErrors
from medsize.names import check_name, name_key, quoted
from medsize.text import read_text

COLUMNS = ("case", "group", "image", "label", "split", "fold", "instances")
REQUIRED = ("case", "image")
SPLITS = ("train", "val", "test")

_SEPARATORS: Final = (",", ";", "\t")
_MOST_ROWS: Final = 200_000
_MOST_COLUMNS: Final = 1000
_FOLD: Final = re.compile(r"[0-9]{1,6}")
_EXPECTED: Final = f"a table, separated by commas, with the columns {', '.join(COLUMNS)}"


def read_manifest(path: Path) -> list[Case]:
    """Read a manifest with the columns :data:`COLUMNS`; only case and image must be there.

    Cells are separated by commas, semicolons or tabs, and text is UTF-8, UTF-16 or Windows-1252. Paths are relative to
    the manifest's own folder. Without a group a case is its own. A label may be absent, a split is ``train``, ``val``,
    ``test`` or empty, and a fold is a whole number. ``instances`` names maps of the objects in the labels of photos.
    Other columns are left alone.

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
        raise InputErrors(cut(problems))
    return cases


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows that hold something, with their line numbers (the header is line 1)."""
    text = read_text(path, f"the manifest, {_EXPECTED}")
    if (lines := text.count("\n")) > _MOST_ROWS:
        raise InputError(f"{path} is too long", expected=f"at most {_MOST_ROWS:,} rows", found=f"{lines:,} lines")
    try:
        table = _table(text)
    except csv.Error as error:
        raise InputError(f"{path} cannot be read", expected=_EXPECTED, found=str(error)) from error
    header = [name.strip() for name in table[0][1]] if table else []
    _check_header(header, path)
    rows = []
    for number, values in table[1:]:
        if any(value.strip() for value in values[len(header) :]):
            raise InputError(
                f"{path}, row {number} has too many values",
                expected=f"{len(header)}, one a column",
                found=str(len(values)),
                remedy="put quotation marks around a value that holds a comma",
            )
        if any(value.strip() for value in values):
            padded = [value.strip() for value in values[: len(header)]] + [""] * (len(header) - len(values))
            rows.append((number, dict.fromkeys(COLUMNS, "") | dict(zip(header, padded, strict=True))))
    if not rows:
        raise InputError(f"{path} lists no case", expected=_EXPECTED, found="no rows")
    return rows


def _table(text: str) -> list[tuple[int, list[str]]]:
    """Return the header and the rows, each with the number of its line, by the separator that fits the header best."""
    first, _, rest = text.partition("\n")
    told = first.strip().casefold().startswith("sep=")  # the line by which Excel is told the separator
    text = rest if told else text
    headers = {one: next(csv.reader(text.partition("\n")[:1], delimiter=one), []) for one in _SEPARATORS}
    separator = max(headers, key=lambda one: len({name.strip() for name in headers[one]} & set(COLUMNS)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    return [(reader.line_num + told, row) for row in reader]


def _check_header(header: list[str], path: Path) -> None:
    if len(header) > _MOST_COLUMNS:
        raise InputError(f"{path} is too wide", expected=_EXPECTED, found=f"{len(header):,} columns")
    strange = [name for name in header if name not in COLUMNS]
    meant = {name: get_close_matches(name.lower(), COLUMNS, n=1) for name in strange}
    missing = [name for name in REQUIRED if name not in header]
    typos = {name: close[0] for name, close in meant.items() if close and close[0] not in header}
    if missing or typos:
        problem = f"no column {' and no column '.join(missing)}" if missing else "a column is not known"
        raise InputError(
            f"{path}: {problem}",
            expected=_EXPECTED,
            found=_cut_text(", ".join(header)) or "an empty file",
            remedy="; ".join(f"did you mean '{close}' by '{name}'?" for name, close in typos.items()) or None,
        )
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        raise InputError(f"{path}: a column is there twice", expected=_EXPECTED, found=_cut_text(", ".join(header)))


def _cut_text(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def _case(row: dict[str, str], folder: Path, where: str) -> Case:
    for name in REQUIRED:
        if not row[name]:
            raise InputError(f"{where}: the {name} is empty", expected=f"a value in the column {name}")
    for name in ("case", "group"):
        if row[name]:
            check_name(row[name], f"{name} in {where}")
    if row["split"] not in ("", *SPLITS):
        raise InputError(
            f"{where}: the split cannot be used", expected=f"{', '.join(SPLITS)} or empty", found=quoted(row["split"])
        )
    if row["fold"] and not _FOLD.fullmatch(row["fold"]):
        raise InputError(f"{where}: the fold cannot be used", expected="0, 1, 2, … or empty", found=quoted(row["fold"]))
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
    """Return a path that is there, be its accents written in another way."""
    if found := _spelled(path):
        return found
    if path.is_symlink():
        raise link_problem(path)
    raise InputError(
        f"{where} (case {case}): no such file",
        found=_cut_text(str(path)),
        remedy="paths are relative to the folder of the manifest",
    )


def _spelled(path: Path) -> Path | None:
    try:
        if path.exists():
            return path
        composed = (Path(unicodedata.normalize(form, str(path))) for form in ("NFC", "NFD"))
        return next((spelled for spelled in composed if spelled.exists()), None)
    except OSError as error:  # too long for a name, or in a folder that may not be entered
        raise InputError(f"{_cut_text(str(path))} cannot be read", found=error.strerror) from error


def _repeated(path: Path, values: Iterable[tuple[int, str]], column: str) -> list[InputError]:
    """Return what is there twice: cases also where only upper and lower case or accents tell them apart."""
    rows = defaultdict(list)
    names: dict[str, list[str]] = defaultdict(list)
    for number, value in values:
        key = name_key(value) if column == "case" else value
        rows[key].append(number)
        names[key].append(value)
    return [
        InputError(
            f"{path}: {column} {' and '.join(map(quoted, dict.fromkeys(names[key])))} is in rows "
            f"{', '.join(map(str, numbers[:8]))}{', …' if len(numbers) > 8 else ''}",
            expected="one row" if len(set(names[key])) == 1 else DIFFERENT,
        )
        for key, numbers in rows.items()
        if key and len(numbers) > 1
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
