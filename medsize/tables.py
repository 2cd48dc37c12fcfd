"""Tables that medsize writes and reads again: CSV whose texts stay what they are, here and in a spreadsheet."""

import csv
import io
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from medsize.errors import InputError
from medsize.files import write_text
from medsize.text import printable, read_text

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_QUOTED: Final = re.compile(r"'+[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def write_table(path: Path, table: pd.DataFrame, *, float_format: str | None = None) -> None:
    """Write a table, whole or not at all.

    A text that a spreadsheet would calculate (``=…``, ``+…``, ``-…``, ``@…``) gets an apostrophe before it, which
    :func:`read_table` takes away again; numbers stay as they are.

    Args:
        path: The CSV file.
        table: Its rows; the index is left out.
        float_format: Of numbers with decimals, e.g. ``"%.6f"``.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    write_text(path, table_text(table, float_format=float_format))


def table_text(table: pd.DataFrame, *, float_format: str | None = None) -> str:
    """Return what :func:`write_table` writes."""
    texts = table.select_dtypes(exclude=["number", "bool"])
    quoted = table.assign(**{str(name): texts[name].map(_quoted) for name in texts})
    return str(quoted.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def read_table(
    path: Path,
    *,
    texts: Collection[str],
    further_texts: Collection[str] = (),
    needed: Collection[str] = (),
    types: Mapping[str, Any] | None = None,
    remedy: str = "copy the folder again, whole",
) -> pd.DataFrame:
    """Read a table that medsize wrote.

    Args:
        path: The CSV file.
        texts: Columns that are text and must be there, empty where there is nothing: ``NA`` and ``None`` are names
            like others.
        further_texts: Columns that are text likewise, where they are there.
        needed: Other columns that must be there.
        types: Of other columns, as pandas calls them; without, columns are numbers where they can be, blank is NaN.
        remedy: What to do where it is missing or damaged.

    Raises:
        InputError: It is missing, damaged, or lacks a column.
    """
    if not path.is_file():
        raise _damaged(path, "not a file" if path.exists() else "no such file", remedy)
    content = read_text(path, "a table that medsize wrote")
    header = _whole(content, path, remedy)
    if missing := [column for column in (*texts, *needed) if column not in header]:
        raise _damaged(path, f"no column {', '.join(missing)}" if header else "an empty file", remedy)
    texts = [name for name in header if name in {*texts, *further_texts}]
    try:
        table: pd.DataFrame = pd.read_csv(
            io.StringIO(content),
            dtype={**dict.fromkeys(texts, "str"), **(types or {})},
            keep_default_na=False,
            na_values={column: ["", "nan", "NaN", "<NA>"] for column in header if column not in texts},
        )
    except (ValueError, OverflowError) as error:
        raise _damaged(path, str(error), remedy) from error
    return table.assign(**{name: table[name].fillna("").map(as_it_was) for name in texts})


def _whole(content: str, path: Path, remedy: str) -> list[str]:
    """Return the header of a table of which nothing was cut off: pandas fills short rows, and drops long ones."""
    lines = csv.reader(io.StringIO(content), strict=True)
    try:
        header = next(lines, [])
        for row in lines:
            if row and len(row) != len(header):
                more = "more" if len(row) > len(header) else "fewer"
                raise _damaged(path, f"line {lines.line_num} has {more} cells than the header", remedy)
    except csv.Error as error:
        raise _damaged(path, f"line {lines.line_num}: {error}", remedy) from error
    if content and not content.endswith("\n"):
        raise _damaged(path, "its last line has no end", remedy)
    return header


def _quoted(cell: Any) -> Any:
    return without_formula(cell) if isinstance(cell, str) else cell


def without_formula(text: str) -> str:
    """Return a text with an apostrophe before it if a spreadsheet would calculate it; numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def as_it_was(cell: str) -> str:
    """Return a text without the apostrophe of :func:`without_formula`."""
    return cell[1:] if cell.startswith("'") and _QUOTED.match(cell) else cell  # most cells have none


def _damaged(path: Path, found: str, remedy: str) -> InputError:
    return InputError(f"{path} cannot be read", found=printable(found), remedy=remedy)
