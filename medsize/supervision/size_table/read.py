"""Read the clinicians' table."""

import csv
import io
import re
from pathlib import Path
from typing import Final

from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table.entry import UNITS, SizeEntry

REQUIRED: Final = ("case", "structure", "unit")
_FRAME: Final = re.compile(r".+_frame\d+")


def read_size_table(path: Path) -> list[SizeEntry]:
    """Read a table of sizes.

    Args:
        path: A CSV with the columns ``case, structure, unit`` and ``value`` or ``low`` and ``high``; ``frame``,
            ``slice``, ``rater``, ``seconds`` and ``note`` may be there, and others are ignored.

    Returns:
        One entry a row that gives a value or a range; blank ones are unknown and left out.

    Raises:
        InputError: The file cannot be read as such a table.
        InputErrors: Rows that cannot be used, all of them.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [[cell.strip() for cell in cells] for cells in csv.reader(io.StringIO(text, newline=""))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read the size table {path}", expected="a CSV in UTF-8", found=str(error)) from error
    header = [name.casefold() for name in rows[0]] if rows else []
    if missing := [name for name in REQUIRED if name not in header]:
        raise InputError(f"{path}, row 1: no column {', '.join(missing)}", found=",".join(header) or "nothing")
    entries: list[SizeEntry] = []
    problems: list[InputError] = []
    for number, cells in enumerate(rows[1:], start=2):
        try:
            entry = _entry(number, dict(zip(header, cells, strict=False)))
        except InputError as error:
            problems.append(InputError(f"{path}, row {number}: {error}"))
            continue
        if entry is not None:
            entries.append(entry)
    if problems:
        raise InputErrors(problems)
    return entries


def _entry(row: int, cells: dict[str, str]) -> SizeEntry | None:
    value, low, high = (_number(name, cells.get(name, "")) for name in ("value", "low", "high"))
    if value is None and low is None and high is None:
        return None
    unit = next((unit for unit in UNITS if unit == cells["unit"]), None)
    if unit is None:
        raise InputError("unknown unit", expected=", ".join(UNITS), found=repr(cells["unit"]))
    case, frame = cells["case"], cells.get("frame", "")
    if frame and not _FRAME.fullmatch(case):
        case = f"{case}_frame{int(frame):02d}"
    number = cells.get("slice", "")
    return SizeEntry(
        row=row,
        case=case,
        slice=int(number) if number else None,
        structure=cells["structure"],
        value=value,
        low=low,
        high=high,
        unit=unit,
        rater=cells.get("rater", ""),
        seconds=_number("seconds", cells.get("seconds", "")),
        note=cells.get("note", ""),
    )


def _number(column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"column {column}: not a number", found=repr(text)) from None
