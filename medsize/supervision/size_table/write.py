"""Write the clinicians' table."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from medsize.errors import InputError
from medsize.files import atomic_path, write_text
from medsize.supervision.size_table.columns import COLUMNS
from medsize.supervision.size_table.entry import SizeEntry
from medsize.tables import without_formula
from medsize.text import printable

Value = str | float | None

INSTRUCTIONS: Final = "instructions"
"""The sheet of an ``.xlsx`` that tells people how to fill it in."""

_TWO_READINGS: Final = re.compile(r"[1-9]\d{0,2}\.\d{3}")


def write_size_table(path: Path, entries: Iterable[SizeEntry], *, separator: str = ",") -> int:
    """Write a table of sizes that :func:`~medsize.supervision.size_table.read_size_table` reads back as it was.

    Args:
        path: The CSV, or the ``.xlsx`` where its name ends so.
        entries: Its rows; their numbers of rows are those of the file, whatever they say.
        separator: Between the cells of a CSV; with ``";"`` decimals have a comma, as spreadsheets of most European
            languages expect.

    Returns:
        How many rows were written.

    Raises:
        InputError: The file cannot be written.
    """
    rows = [[getattr(entry, column, None) for column in COLUMNS] for entry in entries]
    write_rows(path, COLUMNS, rows, separator=separator)
    return len(rows)


def write_rows(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    separator: str = ",",
    more_sheets: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> None:
    """Write rows as a CSV or an ``.xlsx``, in which no text is calculated as a formula.

    In a CSV such a text (``=…``, ``+…``, ``-…``, ``@…``) gets an apostrophe before it, which reading takes away.

    Args:
        path: The file; its name tells which.
        header: Names of the columns.
        rows: Cells; None is blank.
        separator: Between the cells of a CSV: see :func:`write_size_table`.
        more_sheets: Further sheets of an ``.xlsx``, by name.

    Raises:
        InputError: The file cannot be written.
    """
    if path.suffix.lower() == ".xlsx":
        _write_excel(path, {"sizes": [list(header), *rows], **(more_sheets or {})})
        return
    decimal = "," if separator == ";" else "."
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_spelled(cell, decimal) for cell in row] for row in rows)
    mark = "\ufeff" if separator == ";" else ""  # without it, Excel takes the file for Windows-1252
    write_text(path, mark + text.getvalue())


def _spelled(cell: Value, decimal: str) -> str:
    """A number so that it has one reading: 1.234 as 1.2340."""
    if cell is None or isinstance(cell, str):
        return without_formula(cell or "")
    text = repr(int(cell)) if float(cell).is_integer() and abs(cell) < 1e15 else repr(float(cell))
    return (text + "0" if _TWO_READINGS.fullmatch(text) else text).replace(".", decimal)


def _write_excel(path: Path, sheets: Mapping[str, Sequence[Sequence[Value]]]) -> None:
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Font
    except ImportError as error:
        raise InputError(
            f"writing {path} needs openpyxl", remedy="pip install 'medsize[excel]', or name a .csv"
        ) from error
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for number, row in enumerate(rows, start=1):
            for place, value in enumerate(row, start=1):
                _fill(sheet.cell(number, place), value)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        for place in range(1, sheet.max_column + 1):
            longest = max(len(str(row[place - 1] or "")) for row in rows if len(row) >= place)
            sheet.column_dimensions[sheet.cell(1, place).column_letter].width = min(max(longest, 8) + 2, 100)
    with atomic_path(path) as partial:
        book.save(partial)


def _fill(cell: Any, value: Value) -> None:
    if value is None or value == "":
        return
    cell.value = printable(value) if isinstance(value, str) else value  # an .xlsx has no control characters
    if isinstance(value, str):
        cell.data_type = "s"  # even what looks like a formula
