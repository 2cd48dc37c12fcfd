"""Sizes as a CSV ``case,slice,structure,value,unit``, one row a slice and structure."""

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.errors import InputError, InputErrors
from medsize.files import write_text

COLUMNS: Final = ("case", "slice", "structure", "value", "unit")
UNIT: Final = "fraction"
"""The unit understood: the share of the slice's pixels."""

_SUM_TOLERANCE: Final = 1e-6


def write_slice_sizes(path: Path, index: pd.DataFrame, sizes: NDArray[np.floating], structures: Sequence[str]) -> int:
    """Write the sizes of slices; the background is what the structures leave and has no row.

    Args:
        path: The CSV.
        index: One row a slice, with the columns ``case`` and ``slice``.
        sizes: Fractions of the slice, (N, K), background first; what is NaN is left out.
        structures: Names of the K - 1 structures, in class order.

    Returns:
        How many rows were written.

    Raises:
        InputError: The file cannot be written.
    """
    rows = index.iloc[np.repeat(np.arange(len(index)), len(structures))][["case", "slice"]]
    table = rows.assign(structure=list(structures) * len(index), value=sizes[:, 1:].reshape(-1), unit=UNIT)
    table = table[table["value"].notna()]
    write_text(path, table.to_csv(index=False))
    return len(table)


def read_slice_sizes(path: Path, structures: Sequence[str], index: pd.DataFrame) -> NDArray[np.float64]:
    """Read the sizes of slices.

    Args:
        path: A CSV with the columns ``case,slice,structure,value,unit`` in any order: slices count from 0, values
            are fractions of the slice, 0 where the structure is absent.
        structures: Names of the K - 1 structures, in class order.
        index: One row a slice, with the columns ``case`` and ``slice``.

    Returns:
        Fractions, (N, K), background first, in the order of ``index``; NaN where the table names no value. The
        background is what the structures leave, and NaN where one of them is.

    Raises:
        InputError: The file cannot be read as such a table.
        InputErrors: Rows that cannot be used, all of them, each by its line number.
    """
    rows, problems = _read_rows(path)
    slices = _Slices(structures, index)
    for line, cells in rows:
        with _collected(problems, f"{path}, line {line}"):
            slices.add(line, *(cells[name] for name in COLUMNS))
    if problems:
        raise InputErrors(problems)
    return slices.sizes(path)


@dataclass(frozen=True, slots=True)
class _Value:
    line: int
    fraction: float


class _Slices:
    """The values of a table, collected by slice."""

    def __init__(self, structures: Sequence[str], index: pd.DataFrame) -> None:
        self.structures = list(structures)
        keys = zip(index["case"].astype(str), index["slice"].astype(int), strict=True)
        self.rows = {key: row for row, key in enumerate(keys)}
        self.counts = Counter(case for case, _ in self.rows)
        self.values: dict[tuple[str, int], dict[str, _Value]] = defaultdict(dict)

    def add(self, line: int, case: str, number: str, structure: str, value: str, unit: str) -> None:
        """Take one row of the table."""
        if unit != UNIT:
            raise InputError(
                "unit not understood",
                expected=f"'{UNIT}', the share of the slice's pixels",
                found=repr(unit),
                remedy="convert the value; volumes of whole cases are not understood yet",
            )
        if structure == "background":
            raise InputError(
                "unknown structure", found="'background'", remedy="leave the row out: it is what the structures leave"
            )
        if structure not in self.structures:
            raise InputError("unknown structure", found=repr(structure), remedy=_meant(structure, self.structures))
        key = self._slice(case, number)
        there = self.values[key]
        fraction = _fraction(value)
        if structure in there:
            raise InputError(
                f"a second value for case {case}, slice {number}, structure {structure}",
                found=f"{fraction:g} here, {there[structure].fraction:g} in line {there[structure].line}",
                remedy="keep one of them",
            )
        there[structure] = _Value(line, fraction)

    def sizes(self, path: Path) -> NDArray[np.float64]:
        """The sizes of all slices of the index; NaN for what the table does not name."""
        sizes = np.full((len(self.rows), len(self.structures) + 1), np.nan)
        problems: list[InputError] = []
        for (case, number), values in self.values.items():
            last = max(value.line for value in values.values())
            with _collected(problems, f"{path}, line {last}: case {case}, slice {number}"):
                sizes[self.rows[case, number]] = self._row(values)
        if problems:
            raise InputErrors(problems)
        return sizes

    def _slice(self, case: str, number: str) -> tuple[str, int]:
        if case not in self.counts:
            raise InputError("unknown case", found=repr(case), remedy=_meant(case, list(self.counts)))
        key = (case, int(number) if number.isdecimal() else -1)
        if key not in self.rows:
            raise InputError(
                f"no such slice of case {case}",
                expected=f"0 to {self.counts[case] - 1}",
                found=repr(number) if number else "nothing: values of whole cases are not understood yet",
            )
        return key

    def _row(self, values: dict[str, _Value]) -> list[float]:
        fractions = [values[name].fraction if name in values else math.nan for name in self.structures]
        total = math.fsum(value.fraction for value in values.values())
        if total > 1 + _SUM_TOLERANCE:
            raise InputError("the structures exceed the slice", expected="at most 1 in all", found=f"{total:g}")
        return [math.nan if len(values) < len(fractions) else max(1 - total, 0), *fractions]


def _read_rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[InputError]]:
    """The line and the cells of every row, and what is wrong with rows of the wrong length."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""))
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read the size table {path}", expected="a CSV in UTF-8", found=str(error)) from error
    header = lines[0][1] if lines else []
    if missing := [name for name in COLUMNS if name not in header]:
        raise InputError(
            f"{path}, line 1: no column {', '.join(missing)}",
            expected=",".join(COLUMNS),
            found=",".join(header) or "nothing",
            remedy="save it with commas between columns and '.' in decimals" if ";" in "".join(header) else None,
        )
    rows = [(line, cells) for line, cells in lines[1:] if any(cells)]
    if not rows:
        raise InputError(f"the size table {path} has no rows", expected=",".join(COLUMNS), found="the header alone")
    problems = [
        InputError(
            f"{path}, line {line}: {len(cells)} cells",
            expected=f"{len(header)}, as in the header",
            found=",".join(cells),
            remedy="write the decimal point as '.', not ','" if len(cells) > len(header) else None,
        )
        for line, cells in rows
        if len(cells) != len(header)
    ]
    whole = [(line, dict(zip(header, cells, strict=True))) for line, cells in rows if len(cells) == len(header)]
    return whole, problems


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(
            "not a fraction",
            expected="a number from 0 to 1",
            found=repr(text),
            remedy="write the decimal point as '.', not ','" if "," in text else None,
        )
    return value


@contextmanager
def _collected(problems: list[InputError], where: str) -> Iterator[None]:
    """Add what goes wrong inside to the problems, with its place in front."""
    try:
        yield
    except InputError as error:
        problems.append(InputError(f"{where}: {error}"))


def _meant(found: str, known: list[str]) -> str:
    close = get_close_matches(found, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
