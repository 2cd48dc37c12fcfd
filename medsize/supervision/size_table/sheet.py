"""The rows of a table as a spreadsheet or a CSV holds them."""

from dataclasses import dataclass
from typing import Final

MOST_ROWS: Final = 1_000_000
"""No table of sizes that people give has more; it takes about a gigabyte of memory."""

PROGRESS_EVERY: Final = 10_000
"""Rows, between two looks at a progress bar."""


@dataclass(frozen=True, slots=True)
class Number:
    """A cell that holds a number rather than text.

    Attributes:
        value: As it is stored.
        shown_as: How the spreadsheet shows it, in Excel's notation: with ``0%``, 0.35 is seen as 35 %.
    """

    value: float
    shown_as: str = "General"


Cell = str | Number


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a table.

    Attributes:
        rows: Number of the row in the file, from 1, and its cells without blanks around them; the header first, and
            no blank row.
        separator: What stands between the cells of a CSV; None in Excel's file.
        merged: Cells (number of the row, place from 0) that are merged with one above them, and have its content.
        notes: What of the file is not read, or is read though it is hidden.
    """

    rows: list[tuple[int, list[Cell]]]
    separator: str | None
    merged: frozenset[tuple[int, int]] = frozenset()
    notes: tuple[str, ...] = ()
