"""The cells of a spreadsheet, as CSV or as Excel's own file."""

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medsize.errors import InputError
from medsize.supervision.size_table.columns import count_columns

SEPARATORS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Number:
    """A cell that holds a number rather than text.

    Attributes:
        value: As it is stored.
        percent: Whether the spreadsheet shows it as a percentage: 0.35 as 35 %.
    """

    value: float
    percent: bool = False


Cell = str | Number


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a table.

    Attributes:
        rows: Number of the row in the file, from 1, and its cells without blanks around them; the header first, and
            no blank row.
        separator: What stands between the cells of a CSV; None in Excel's file.
    """

    rows: list[tuple[int, list[Cell]]]
    separator: str | None


def read_cells(path: Path) -> Sheet:
    """Read the cells of a CSV or an ``.xlsx``.

    A CSV may be in UTF-8, UTF-16 or Windows-1252, with or without a byte order mark; its cells may be separated by
    commas, semicolons or tabs, whichever gives the header the most names of columns.

    Args:
        path: The file.

    Raises:
        InputError: The file cannot be read, or has no rows.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, str(error)) from error
    sheet = _excel(path, content) if content.startswith(b"PK") else _csv(path, content)
    if not sheet.rows:
        raise InputError(f"the size table {path} has no rows", found="an empty file")
    return sheet


def _csv(path: Path, content: bytes) -> Sheet:
    text = _decoded(path, content)
    try:
        headers = {separator: next(_rows(text, separator), (1, []))[1] for separator in SEPARATORS}
        separator = max(SEPARATORS, key=lambda separator: count_columns(headers[separator]))
        return Sheet([(number, list(cells)) for number, cells in _rows(text, separator)], separator)
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, and their numbers."""
    first, _, rest = text.partition("\n")
    told = first.strip().casefold().startswith("sep=")  # the line by which Excel is told the separator
    lines = csv.reader(io.StringIO(rest if told else text, newline=""), delimiter=separator)
    for number, written in enumerate(lines, start=2 if told else 1):
        cells = [cell.strip() for cell in written]
        if any(cells):
            yield number, cells


def _decoded(path: Path, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in content:
        raise _unreadable(path, "a binary file")
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _unreadable(path, "bytes of another encoding than UTF-8, UTF-16 and Windows-1252")


def _excel(path: Path, content: bytes) -> Sheet:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise InputError(
            f"{path} is an Excel file, and reading it needs openpyxl",
            remedy="pip install 'medsize[excel]', or save it as CSV",
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of what openpyxl does not keep when it writes
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            formulas = load_workbook(io.BytesIO(content), read_only=True)
    except (InvalidFileException, KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise _unreadable(path, str(error)) from error
    sheets = []
    for sheet in book.worksheets:
        both = zip(sheet.iter_rows(), formulas[sheet.title].iter_rows(), strict=True)
        rows = [
            (number, [_cell(path, *cells) for cells in zip(row, written, strict=True)])
            for number, (row, written) in enumerate(both, start=1)
        ]
        sheets.append(Sheet([(number, cells) for number, cells in rows if any(cell != "" for cell in cells)], None))
    with_rows = [sheet for sheet in sheets if sheet.rows]
    if not with_rows:
        return Sheet([], None)
    return max(with_rows, key=lambda sheet: count_columns([str(cell) for cell in sheet.rows[0][1]]))


def _cell(path: Path, cell: Any, written: Any) -> Cell:
    value = cell.value
    if value is None and written.value is not None:  # a program that cannot calculate wrote this file
        raise InputError(
            f"{path}, cell {written.coordinate}: a formula whose result is not in the file",
            found=str(written.value),
            remedy="open the file in a spreadsheet program and save it, or write the number itself",
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(float(value), percent="%" in str(cell.number_format))
    return "" if value is None else str(value).strip()


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        f"cannot read the size table {path}",
        expected="a CSV, or an .xlsx of Excel",
        found=found if path.exists() else f"no such file in {path.absolute().parent}",
        remedy="save it as .xlsx or CSV" if path.is_file() else "give the path of the table",
    )
