"""Read the clinicians' table."""

import math
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from medsize.console import ProgressCallback, progress_bar, say
from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table.amounts import NOTHING, Amount, Mark, decimal_marks, read_amount
from medsize.supervision.size_table.cells import read_cells
from medsize.supervision.size_table.columns import Columns, find_columns
from medsize.supervision.size_table.entry import SizeEntry, Unit
from medsize.supervision.size_table.number_format import shown_text
from medsize.supervision.size_table.sheet import PROGRESS_EVERY, Cell, Number, Sheet
from medsize.supervision.size_table.units import read_unit
from medsize.tables import as_it_was
from medsize.text import excerpt

_AMOUNTS: Final = ("value", "low", "high")
_NUMBERS: Final = (*_AMOUNTS, "seconds")
_LONG_BYTES: Final = 2_000_000
"""From here on, progress is shown."""

_JOINED: Final = re.compile(r".*_frame(\d{1,9})")
_FRAME: Final = re.compile(r"(?:frame)?[ _]*(\d{1,9})", re.IGNORECASE)
_SLICE: Final = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class SizeTable:
    """A table of sizes, and what reading it has found out.

    Attributes:
        entries: One a row that gives a value or a range.
        problems: Number of each row that cannot be used, and why, in their order.
        blank: How many rows name a structure and say nothing of its size.
        others: Names of the columns that were not read.
        notes: What else of the file was not read, or was read though it is hidden.
    """

    entries: list[SizeEntry]
    problems: list[tuple[int, InputError]]
    blank: int
    others: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_size_table(path: Path, *, tell: bool = False) -> list[SizeEntry]:
    """Read a table of sizes, written by hand in any of the ways that spreadsheets save it.

    Args:
        path: A CSV or ``.xlsx`` with the columns ``case``, ``structure``, ``unit`` and ``value`` or ``low`` and
            ``high``; ``frame``, ``slice`` (from 0), ``rater``, ``seconds`` and ``note`` may be there, and others are
            ignored. A case and a frame become one id: ``patient001`` and 1 are ``patient001_frame01``. The unit may
            stand in the cell (``140 ml``), in its own column or in the header (``volume (ml)``).
        tell: Say on standard error what of an ``.xlsx`` is left out (other sheets), or is hidden and read.

    Returns:
        One entry a row that gives a value or a range; blank ones are unknown and left out.

    Raises:
        InputError: The file cannot be read as such a table.
        InputErrors: Rows that cannot be used, all of them, each with its row, column and remedy.
    """
    table = parse_size_table(path)
    if table.problems:
        raise InputErrors([_placed(path, row, error) for row, error in table.problems])
    for note in table.notes if tell else ():
        say(f"note: {path}: {note}")
    return table.entries


def parse_size_table(path: Path) -> SizeTable:
    """Read a table of sizes as :func:`read_size_table` does, and return what is wrong with its rows beside them.

    Args:
        path: The table.

    Raises:
        InputError: The file cannot be read as such a table.
    """
    with progress_bar(f"Reading {path.name}") if _is_long(path) else nullcontext(_not_shown) as progress:
        return _parsed(path, read_cells(path, progress), progress)


def _is_long(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > _LONG_BYTES


def _not_shown(_done: float, _total: int) -> None:
    """The progress of a file that is read in a moment."""


def _parsed(path: Path, sheet: Sheet, progress: ProgressCallback) -> SizeTable:
    first, header = sheet.rows[0]
    try:
        columns = find_columns([_text(cell) for cell in header])
    except InputError as error:
        raise _placed(path, first, error) from error
    if len(sheet.rows) == 1:
        raise InputError(f"the size table {path} has no rows", expected="one a case and structure", found="the header")
    rows = _Rows(columns, len(header), _marks(sheet, columns), sheet.separator, sheet.merged)
    entries: list[SizeEntry] = []
    problems: list[tuple[int, InputError]] = []
    blank = 0
    for done, (row, cells) in enumerate(sheet.rows[1:], start=1):
        if done % PROGRESS_EVERY == 0:
            progress(done, len(sheet.rows))
        try:
            entry = rows.entry(row, cells)
        except InputError as error:
            problems.append((row, error))
            continue
        if entry is None:
            blank += 1
        else:
            entries.append(entry)
    return SizeTable(entries, problems, blank, columns.others, sheet.notes)


def _placed(path: Path, row: int, error: InputError) -> InputError:
    return InputError(f"{path}, row {row}{', ' if error.problem.startswith('column') else ': '}{error}")


def _marks(sheet: Sheet, columns: Columns) -> frozenset[Mark]:
    places = [columns.places[name] for name in _NUMBERS if name in columns.places]
    texts = (cells[place] for _, cells in sheet.rows[1:] for place in places if place < len(cells))
    return decimal_marks(text for text in texts if isinstance(text, str))


@dataclass(frozen=True, slots=True)
class _Rows:
    columns: Columns
    width: int
    marks: frozenset[Mark]
    separator: str | None
    merged: frozenset[tuple[int, int]]

    def entry(self, row: int, cells: Sequence[Cell]) -> SizeEntry | None:
        """One row, or None if it says nothing of a size."""
        if beyond := [_text(cell) for cell in cells[self.width :] if cell != ""]:
            raise InputError(
                f"{len(cells)} cells",
                expected=f"{self.width}, as in the header",
                found=excerpt(self.separator.join(map(_text, cells)) if self.separator else " | ".join(beyond)),
                remedy="write decimals with '.', or put semicolons between cells" if self.separator == "," else None,
            )
        case, structure = (self._named(name, cells) for name in ("case", "structure"))
        amount = self._amount(row, cells)
        if amount is NOTHING:
            return None
        return SizeEntry(
            row=row,
            case=_joined(case, self._text("frame", cells)),
            slice=_slice(self._text("slice", cells)),
            structure=structure,
            value=amount.value,
            low=amount.low,
            high=amount.high,
            unit=self._unit(amount.unit, cells),
            rater=self._text("rater", cells),
            seconds=self._seconds(row, cells),
            note=self._text("note", cells),
        )

    def _cell(self, column: str, cells: Sequence[Cell]) -> Cell:
        place = self.columns.places.get(column)
        return "" if place is None or place >= len(cells) else cells[place]  # Excel leaves out blank cells at the end

    def _text(self, column: str, cells: Sequence[Cell]) -> str:
        text = _text(self._cell(column, cells))
        return as_it_was(text) if self.separator else text

    def _named(self, column: str, cells: Sequence[Cell]) -> str:
        text = self._text(column, cells)
        if not text:
            raise InputError(f"column {column}: nothing", expected=f"the name of the {column}")
        return text

    def _amount(self, row: int, cells: Sequence[Cell]) -> Amount:
        value, low, high = (self._number(name, row, self._cell(name, cells)) for name in _AMOUNTS)
        if value is low is high is NOTHING:
            return NOTHING
        units = {amount.unit for amount in (value, low, high) if amount.unit is not None}
        if len(units) > 1:
            raise InputError("several units in one row", found=", ".join(sorted(units)))
        for name, amount in (("low", low), ("high", high)):
            if amount.low is not None or amount.high is not None:
                raise InputError(
                    f"column {name}: a range", expected="one number", found=excerpt(self._text(name, cells))
                )
        unit = next(iter(units), None)
        if low.value is not None or high.value is not None:
            if value.low is not None or value.high is not None:
                raise InputError(
                    "two ranges in one row", found=f"{excerpt(self._text('value', cells))}, and low and high"
                )
            return _ordered(Amount(value.value, low.value, high.value, unit))
        return _ordered(replace(value, unit=unit))

    def _number(self, column: str, row: int, cell: Cell) -> Amount:
        if cell == "":
            return NOTHING
        unit = self.columns.units.get(column)
        try:
            if self.merged and (row, self.columns.places[column]) in self.merged:
                raise InputError(
                    "merged with the cell above it: one number for several rows",
                    found=excerpt(_text(cell)),
                    remedy="split the cells, and write the number of each row",
                )
            amount = _shown(cell) if isinstance(cell, Number) else read_amount(cell, self._decimal(cell))
        except InputError as error:
            raise InputError(f"column {column}: {error}") from error
        if unit is not None and amount.unit not in (None, unit):
            raise InputError(f"column {column}: two units", found=f"{amount.unit}, and {unit} in the header")
        return amount if unit is None or amount is NOTHING else replace(amount, unit=unit)

    def _decimal(self, cell: str) -> Mark | None:
        """The decimal mark: of the other cells, or '.' where commas already separate cells."""
        if len(self.marks) == 1:
            return next(iter(self.marks))
        return "." if not self.marks and self.separator == "," and "," not in cell else None

    def _unit(self, written: Unit | None, cells: Sequence[Cell]) -> Unit:
        text = self._text("unit", cells)
        if not text and written is None:
            raise InputError("column unit: no unit", expected="ml, percent, …", remedy="fill in the unit of this row")
        if not text and written is not None:
            return written
        try:
            unit = read_unit(text)
        except InputError as error:
            raise InputError(f"column unit: {error}") from error
        if written not in (None, unit):
            raise InputError(f"two units: {written} beside the number, {unit} in the column unit", remedy="keep one")
        return unit

    def _seconds(self, row: int, cells: Sequence[Cell]) -> float | None:
        cell = self._cell("seconds", cells)
        bare = cell.removesuffix("s").strip() if isinstance(cell, str) else cell
        amount = self._number("seconds", row, bare)
        if amount.low is not None or amount.high is not None or amount.unit is not None:
            raise InputError("column seconds: not a number of seconds", found=excerpt(_text(cell)))
        return amount.value


def _ordered(amount: Amount) -> Amount:
    numbers = [number for number in (amount.low, amount.value, amount.high) if number is not None]
    if numbers != sorted(numbers):
        raise InputError(
            "the range is upside down" if amount.value is None else "the value is outside its range",
            expected="low ≤ value ≤ high",
            found=", ".join(f"{number:g}" for number in numbers),
        )
    return amount


def _shown(cell: Number) -> Amount:
    """What a number says, with the unit that its format shows beside it."""
    if not math.isfinite(cell.value):
        raise InputError("not a size", found=f"{cell.value:g}")
    if cell.value < 0:
        raise InputError("a size cannot be negative", found=f"{cell.value:g}")
    text = None if cell.shown_as == "General" else shown_text(cell.value, cell.shown_as)
    return Amount(cell.value) if text is None else read_amount(text, ".")


def _text(cell: Cell) -> str:
    if isinstance(cell, Number):
        return str(int(cell.value)) if cell.value.is_integer() else str(cell.value)
    return cell


def _joined(case: str, frame: str) -> str:
    """The id of a case from the columns case and frame."""
    if not frame:
        return case
    number = _FRAME.fullmatch(frame.removesuffix(".0"))
    if not number:
        raise InputError("column frame: not the number of a frame", expected="e.g. 1", found=excerpt(frame))
    joined = _JOINED.fullmatch(case)
    if joined is None:
        return f"{case}_frame{int(number[1]):02d}"
    if int(joined[1]) != int(number[1]):
        raise InputError("column frame: another frame than in the case", found=f"{frame}, and {excerpt(case)}")
    return case


def _slice(text: str) -> int | None:
    number = text.removesuffix(".0")
    if number and not _SLICE.fullmatch(number):
        raise InputError("column slice: not the number of a slice", expected="0, 1, …, or nothing", found=excerpt(text))
    return int(number) if number else None
