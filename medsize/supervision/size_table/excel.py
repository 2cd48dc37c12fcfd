"""The cells of Excel's own file, bounded, and nothing of it left without a word."""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import iterparse

from medsize.console import ProgressCallback
from medsize.errors import InputError
from medsize.supervision.size_table.columns import count_columns
from medsize.supervision.size_table.sheet import MOST_ROWS, PROGRESS_EVERY, Cell, Number, Sheet
from medsize.supervision.size_table.write import INSTRUCTIONS
from medsize.text import excerpt

MOST_UNPACKED_BYTES: Final = 256 * 2**20
MOST_ELEMENTS: Final = 5_000_000
"""Of XML, in all parts: about 300,000 rows of six cells."""

MOST_OTHERS: Final = 100_000
"""Of them that are neither rows nor cells (styles, merged ranges, links), with which openpyxl is slow."""

MOST_CELLS: Final = 5_000_000
"""Of one sheet, with the blank ones before the last cell of a row."""

_EXCELS_ROWS: Final = 2**20
_ENTITIES: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")  # entities of entities grow without end
_OF_CELLS: Final = re.compile(rb"<(?:\w+:)?(?:row|c|v|f|is|si|t)[ />]")
_RANGE: Final = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?[A-Z]{1,3}\$?(\d{1,7})")
_TOLD: Final = 10

Row = tuple[int, list[Cell]]
Place = tuple[int, int]
"""Number of the row, from 1, and place of the column, from 0."""


def read_excel(path: Path, content: bytes, progress: ProgressCallback) -> Sheet:
    """Read the sheet of an ``.xlsx`` whose first row names the most columns; a visible one, where there are several.

    All rows and cells are read, whatever the file says of the sheet's size, and those in hidden rows too. A cell
    that is merged with others above it has their content.

    Args:
        path: The file, for messages.
        content: What is in it.
        progress: Told of rows, done and in all.

    Raises:
        InputError: It needs openpyxl; it is no such file, is damaged or too large, or has a formula without a result.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise InputError(
            f"{path} is an Excel file, and reading it needs openpyxl",
            remedy="pip install 'medsize[excel]', or save it as CSV",
        ) from error
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(content)) as archive:
            warnings.simplefilter("ignore", UserWarning)  # of what openpyxl does not keep when it writes
            _require_bounded(path, archive)
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            return _Book(path, content, archive, book).read(progress)
    except InputError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers stumble over in a damaged file
        raise _damaged(path, f"{type(error).__name__}: {str(error)[:200]}") from error


def _require_bounded(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse what would take long, or much memory, before openpyxl opens it."""
    unpacked = sum(part.file_size for part in archive.infolist())  # zipfile reads no more of a part than that
    if unpacked > MOST_UNPACKED_BYTES:
        raise _too_large(path, f"{MOST_UNPACKED_BYTES / 2**20:g} MiB unpacked", f"{unpacked / 2**20:,.0f} MiB")
    elements, others = 0, 0
    for part in archive.infolist():
        if part.filename.startswith("xl/media/"):
            continue  # pictures, which are not opened
        text = archive.read(part)
        if _ENTITIES.search(text.replace(b"\0", b"")):
            raise _damaged(path, f"{part.filename} declares entities, as no spreadsheet program does")
        here = text.count(b"<") - text.count(b"</")
        elements += here
        others += here - sum(1 for _ in _OF_CELLS.finditer(text))
        if elements > MOST_ELEMENTS or others > MOST_OTHERS:
            raise _too_large(
                path,
                f"{MOST_ELEMENTS:,} XML elements, about 300,000 rows of six cells, "
                f"with {MOST_OTHERS:,} that are neither rows nor cells",
                f"more, in {excerpt(part.filename)}",
            )


@dataclass(frozen=True, slots=True)
class _Book:
    path: Path
    content: bytes
    archive: zipfile.ZipFile
    book: Any

    def read(self, progress: ProgressCallback) -> Sheet:
        headers = {sheet.title: header for sheet in self.book.worksheets if (header := self._first_row(sheet))}
        if not headers:
            return Sheet([], None)
        named = {title: count_columns([str(cell) for cell in header]) for title, header in headers.items()}
        title = max(headers, key=lambda title: (named[title] > 1, self._is_visible(title), named[title]))
        facts = self._facts(self.book[title])
        rows = self._cells(title, facts, progress)
        merged = _fill_merged(self.path, rows, facts.merged)
        hidden = [number for number, _ in rows if number in facts.hidden]
        notes = [_told_hidden(title, hidden)] if hidden else []
        notes += [self._told_left(other) for other in headers if other not in (title, INSTRUCTIONS)]
        return Sheet(rows, None, merged, tuple(notes))

    def _cells(self, title: str, facts: "_Facts", progress: ProgressCallback) -> list[Row]:
        formulas = self._formulas(title) if facts.formulas else {}
        rows: list[Row] = []
        found = 0
        for number, cells in self._rows(self.book[title]):
            values = [cell.value for cell in cells]
            found += len(values) - values.count(None)
            for place, value in enumerate(values if formulas else ()):
                if value is None and (formula := formulas.get((number, place))):
                    raise self._without_result(number, place, formula)
            told = [_cell(cell) for cell in cells]
            if any(cell != "" for cell in told):
                rows.append((number, told))
                if len(rows) > MOST_ROWS:
                    raise _too_large(self.path, f"{MOST_ROWS:,} rows", "more")
                if len(rows) % PROGRESS_EVERY == 0:
                    progress(len(rows), facts.rows)
        if found != facts.cells:
            raise _damaged(self.path, f"sheet {excerpt(title)}: {found} of {facts.cells} cells can be read")
        return rows

    def _rows(self, sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
        """Every row up to the last, and its number, however the file says they are."""
        sheet.reset_dimensions()  # what the file says of its size is wrong where other programs wrote it
        cells = 0
        for number, row in enumerate(sheet.iter_rows(), start=1):
            cells += len(row)
            if cells > MOST_CELLS or number > _EXCELS_ROWS:
                raise _too_large(
                    self.path,
                    f"{MOST_CELLS:,} cells a sheet, with the blank ones before the last of a row",
                    f"more, up to row {number} of sheet {excerpt(sheet.title)}",
                )
            yield number, row

    def _first_row(self, sheet: Any) -> list[Cell]:
        """The first row that is not blank."""
        rows = ([_cell(cell) for cell in row] for _, row in self._rows(sheet))
        return next((row for row in rows if any(cell != "" for cell in row)), [])

    def _is_visible(self, title: str) -> bool:
        return bool(self.book[title].sheet_state == "visible")

    def _told_left(self, title: str) -> str:
        rows = sum(any(cell.value is not None for cell in row) for _, row in self._rows(self.book[title]))
        return f"sheet {excerpt(title)}{'' if self._is_visible(title) else ' (hidden)'} is not read: {rows} rows"

    def _facts(self, sheet: Any) -> "_Facts":
        """What openpyxl leaves out of the sheets that it reads row by row."""
        facts = _Facts()
        # openpyxl has no public name for the part of the file that a sheet is in
        with self.archive.open(sheet._worksheet_path) as source:
            for _, element in iterparse(source):
                tag = element.tag.rpartition("}")[2]
                if tag == "c":
                    held = "is" if element.get("t") == "inlineStr" else "v"
                    values = [child for child in element if child.tag.endswith(f"}}{held}")]
                    facts.cells += any(held == "is" or child.text for child in values)
                    facts.formulas |= any(child.tag.endswith("}f") for child in element)
                elif tag == "row":
                    facts.rows += 1
                    if element.get("hidden") in ("1", "true"):
                        facts.hidden.add(int(element.get("r", facts.rows)))
                    element.clear()
                elif tag == "mergeCell" and (match := _RANGE.fullmatch(element.get("ref", ""))):
                    facts.merged.append((_place_of(match[1]), int(match[2]), int(match[3])))
        return facts

    def _formulas(self, title: str) -> dict[Place, str]:
        from openpyxl import load_workbook

        book = load_workbook(io.BytesIO(self.content), read_only=True, keep_links=False)
        return {
            (number, place): str(getattr(cell.value, "text", cell.value))
            for number, row in self._rows(book[title])
            for place, cell in enumerate(row)
            if cell.value is not None and cell.data_type == "f"
        }

    def _without_result(self, number: int, place: int, formula: str) -> InputError:
        from openpyxl.utils import get_column_letter

        return InputError(  # a program that cannot calculate wrote this file
            f"{self.path}, cell {get_column_letter(place + 1)}{number}: a formula whose result is not in the file",
            found=excerpt(formula),
            remedy="open the file in a spreadsheet program and save it, or write the number itself",
        )


@dataclass(slots=True)
class _Facts:
    """Of one sheet.

    Attributes:
        cells: How many are not blank.
        rows: How many there are.
        hidden: Numbers of the rows that are hidden.
        merged: Ranges of cells that are shown as one: place of the first column, first row and last row.
        formulas: Whether there is any.
    """

    cells: int = 0
    rows: int = 0
    hidden: set[int] = field(default_factory=set)
    merged: list[tuple[int, int, int]] = field(default_factory=list)
    formulas: bool = False


def _cell(cell: Any) -> Cell:
    value = cell.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(float(value), str(cell.number_format))
    return "" if value is None else str(value).strip()


def _fill_merged(path: Path, rows: Sequence[Row], merged: Sequence[tuple[int, int, int]]) -> frozenset[Place]:
    """Give the cells below the first of a merged range its content, in rows that have some of their own."""
    of_number: Mapping[int, list[Cell]] = dict(rows)
    last = rows[-1][0] if rows else 0
    spans = [(place, first, min(end, last)) for place, first, end in merged if first in of_number]
    if sum(end - first for _, first, end in spans) > MOST_ROWS:
        raise _too_large(path, f"{MOST_ROWS:,} merged cells", "more")
    filled = set()
    for place, first, end in spans:
        above = of_number[first]
        for number in range(first + 1, end + 1):
            cells = of_number.get(number)
            if cells is None or place >= len(above) or above[place] == "":
                continue
            cells += [""] * (place + 1 - len(cells))
            cells[place] = above[place]
            filled.add((number, place))
    return frozenset(filled)


def _place_of(letters: str) -> int:
    from openpyxl.utils import column_index_from_string

    return int(column_index_from_string(letters)) - 1


def _told_hidden(title: str, numbers: Sequence[int]) -> str:
    told = ", ".join(map(str, numbers[:_TOLD]))
    return f"sheet {excerpt(title)}: {len(numbers)} hidden rows are read like the others: {told}" + (
        ", …" if len(numbers) > _TOLD else ""
    )


def _too_large(path: Path, expected: str, found: str) -> InputError:
    return InputError(
        f"the size table {path} is too large",
        expected=f"at most {expected}",
        found=found,
        remedy="delete what is not part of the table, or save the sheet as CSV, of at most a million rows",
    )


def _damaged(path: Path, found: str) -> InputError:
    return InputError(
        f"cannot read the size table {path}",
        expected="a CSV, or an .xlsx of Excel",
        found=f"a damaged file: {found}",
        remedy="open it in a spreadsheet program, look whether all is there, and save it as .xlsx or CSV",
    )
