"""The cells of a spreadsheet, as CSV or as Excel's own file."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from medsize.console import ProgressCallback
from medsize.errors import InputError
from medsize.supervision.size_table.columns import count_columns
from medsize.supervision.size_table.excel import read_excel
from medsize.supervision.size_table.sheet import MOST_ROWS, PROGRESS_EVERY, Cell, Sheet
from medsize.text import decode_text, read_bytes

SEPARATORS: Final = (",", ";", "\t")

MOST_BYTES: Final = 128 * 2**20
MOST_LETTERS_A_LINE: Final = 1_000_000
_KIND: Final = "the size table, a CSV or an .xlsx of Excel"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"


def read_cells(path: Path, progress: ProgressCallback) -> Sheet:
    """Read the cells of a CSV or an ``.xlsx``.

    A CSV may be in UTF-8, UTF-16 or Windows-1252, with or without a byte order mark; its cells may be separated by
    commas, semicolons or tabs, whichever gives the header the most names of columns.

    Args:
        path: The file.
        progress: Told of rows, done and in all.

    Raises:
        InputError: The file cannot be read, is too large, or has no rows.
    """
    content = read_bytes(path, _KIND, most_bytes=MOST_BYTES)
    if content.startswith(_OLD_EXCEL):
        raise InputError(
            f"cannot read the size table {path}",
            expected="a CSV, or an .xlsx of Excel",
            found="an .xls of Excel before 2007, or an .xlsx with a password",
            remedy="save it as .xlsx without a password, or as CSV",
        )
    sheet = read_excel(path, content, progress) if content.startswith(b"PK") else _csv(path, content, progress)
    if not sheet.rows:
        raise InputError(f"the size table {path} has no rows", found="no cell that is not blank")
    return sheet


def _csv(path: Path, content: bytes, progress: ProgressCallback) -> Sheet:
    text = decode_text(content, path, _KIND)
    lines = text.count("\n") + 1
    if max(map(len, io.StringIO(text)), default=0) > MOST_LETTERS_A_LINE:
        raise InputError(
            f"cannot read the size table {path}",
            expected=f"lines of at most {MOST_LETTERS_A_LINE:,} characters",
            found="a longer one",
        )
    headers = {separator: next(_rows(path, text, separator), (1, []))[1] for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda separator: count_columns(headers[separator]))
    rows: list[tuple[int, list[Cell]]] = []
    for number, cells in _rows(path, text, separator):
        rows.append((number, list(cells)))
        if len(rows) > MOST_ROWS:
            raise InputError(
                f"the size table {path} is too large",
                expected=f"at most {MOST_ROWS:,} rows",
                found=f"{lines:,} lines",
                remedy="leave out the structures and cases that are not trained on",
            )
        if len(rows) % PROGRESS_EVERY == 0:
            progress(number, lines)
    return Sheet(rows, separator)


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, and their numbers."""
    first, _, rest = text.partition("\n")
    told = first.strip().casefold().startswith("sep=")  # the line by which Excel is told the separator
    # strict, or a quotation mark that is not closed would swallow the rows below it
    lines = csv.reader(io.StringIO(rest if told else text, newline=""), delimiter=separator, strict=True)
    number = 1 if told else 0
    try:
        for written in lines:
            number += 1  # the one that cannot be read is told by its number too
            cells = [cell.strip() for cell in written]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise InputError(
            f"{path}, row {number + 1}: no row of a CSV",
            expected="cells of at most 131,072 characters, with quotation marks around all of a cell or none of it",
            found="no end of a cell in quotation marks" if "end of data" in str(error) else str(error),
            remedy="correct the row, or save the table again from a spreadsheet program",
        ) from error
