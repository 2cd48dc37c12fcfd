"""Tables as any program may write them: every size right to a thousandth, or refused by file and row."""

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.errors import InputError
from medsize.supervision.size_table import parse_size_table
from tests.fuzzing import fuzz

# What each spelling is in mL of a whole case of 55.296 mL, by physics alone
IMAGE_ML = 55.296
UNITS = {
    "ml": 1.0, "mL": 1.0, "cm3": 1.0, "cm³": 1.0, "ccm": 1.0, "mm3": 1e-3, "mm³": 1e-3, "μl": 1e-3,
    "%": IMAGE_ML / 100, "percent": IMAGE_ML / 100, "fraction": IMAGE_ML, "": None,
}  # fmt: skip
TO_ML = {"ml": 1.0, "mm3": 1e-3, "percent": IMAGE_ML / 100, "fraction": IMAGE_ML}


@dataclass(frozen=True)
class Written:
    """A size as it stands in a table.

    Attributes:
        cell: Its text.
        unit: The text of the column of units.
        ml: What it is, or None where nothing says its unit.
    """

    cell: str
    unit: str
    ml: float | None


@st.composite
def sizes(draw: st.DrawFn, decimal: str, thousands: str) -> Written:
    digits = draw(st.integers(0, 4))
    number = draw(st.decimals(0, 99_999, places=digits, allow_nan=False))
    text = f"{number:,.{digits}f}" if thousands else f"{number:.{digits}f}"
    text = text.translate({ord(","): thousands, ord("."): decimal})
    beside, column = draw(st.sampled_from(list(UNITS))), draw(st.sampled_from(list(UNITS)))
    prefix = draw(st.sampled_from(["", "~", "ca. ", " "]))
    space = draw(st.sampled_from(["", " ", "\u00a0"]))
    factors = {UNITS[unit] for unit in (beside, column) if unit}
    ml = float(number) * factors.pop() if len(factors) == 1 else None  # none, or two that contradict each other
    return Written(f"{prefix}{text}{space}{beside}", column, ml)


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, list[Written]]:
    decimal, thousands, separator = draw(
        st.sampled_from(
            [
                (".", "", ","), (",", "", ";"), (",", ".", ";"), (",", " ", ";"), (".", ",", "\t"), (".", "'", ";"),
                (",", "\u00a0", "\t"), (".", "", ";"),
            ]
        )
    )  # fmt: skip
    written = draw(st.lists(sizes(decimal, thousands), min_size=1, max_size=5))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    quoted = draw(st.booleans()) or separator == ","
    lines = [["case", "structure", "value", "unit"]]
    lines += [
        [f"p{row}", "lv", f'"{size.cell}"' if quoted else size.cell, size.unit] for row, size in enumerate(written)
    ]
    text = end.join(separator.join(line) for line in [*lines, [""]])
    return text.replace("μ", "µ").encode(encoding), written


def require_right(path: Path, written: list[Written]) -> None:
    table = parse_size_table(path)
    refused = {row for row, _ in table.problems}
    given_ml = {entry.row: (entry.value or 0.0) * TO_ML[entry.unit] for entry in table.entries}
    assert refused | set(given_ml) == set(range(2, len(written) + 2))
    assert table.blank == 0
    for row, size in enumerate(written, start=2):
        if row in given_ml:
            assert size.ml is not None
            assert math.isclose(given_ml[row], size.ml, rel_tol=1e-3, abs_tol=1e-12)


@fuzz()
@given(tables())
def test_a_csv_of_any_country_gives_its_sizes_or_refuses_the_row(
    tmp_path: Path, made: tuple[bytes, list[Written]]
) -> None:
    content, written = made
    path = tmp_path / "sizes.csv"
    path.write_bytes(content)
    require_right(path, written)


# How Excel shows 0.85, and what that is in percent of the image; None where the unit has to be said elsewhere
FORMATS = {
    "General": None, "0.00": None, "#,##0.00": None, "_%0.00": None, "*%0.00": None, "[Blue]0.00": None,
    "0.00%": 85, "0%": 85, "[Red]0%": 85, "0%;-0%": 85, "0.0\\ %": 85, "[<1]0%;0": 85, "0%;[Red]-0%;0": 85,
    "0.00\\%": 0.85, '0.00"%"': 0.85, '0.00" %"': 0.85, '0.00"%";-0.00"%"': 0.85, "0.00[$%-407]": 0.85,
}  # fmt: skip


@fuzz()
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(FORMATS)), st.floats(0.001, 0.999), st.sampled_from(["", "ml", "percent"])),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["A1", "A1:D2", "A1:XFD1048576", None]),
)
def test_a_workbook_gives_the_sizes_that_its_cells_show(
    tmp_path: Path, rows: list[tuple[str, float, str]], dimension: str | None
) -> None:
    book = openpyxl.Workbook()
    book.active.append(["case", "structure", "value", "unit"])
    written = []
    for number, (code, value, unit) in enumerate(rows, start=2):
        book.active.append([f"p{number}", "lv", value, unit or None])
        book.active.cell(number, 3).number_format = code
        shown = None if FORMATS[code] is None else value * (100 if FORMATS[code] == 85 else 1) * IMAGE_ML / 100
        said = None if not unit else value * TO_ML[unit]
        agree = shown is None or unit in ("", "percent")
        written.append(Written(code, unit, (said if shown is None else shown) if agree else None))
    path = tmp_path / "sizes.xlsx"
    book.save(path)
    if dimension:
        restate(path, dimension)
    require_right(path, written)


def restate(path: Path, dimension: str) -> None:
    """Let the workbook say another size of its sheet."""
    changed = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(changed, "w") as saved:
        for name in archive.namelist():
            before, sign, after = archive.read(name).partition(b'<dimension ref="')
            _, quote, rest = after.partition(b'"')
            saved.writestr(name, before + sign + dimension.encode() + quote + rest if sign else before)
    path.write_bytes(changed.getvalue())


@fuzz()
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_table_or_refused_by_name(tmp_path: Path, content: bytes) -> None:
    for header in (b"", b"case,structure,value,unit,slice,frame,seconds\n"):
        refused_or_read(tmp_path / "sizes.csv", header + content)


CELLS = st.text(st.sampled_from("0123456789.,'/-+±()<>~% \t\"eE=xmlc³½±–e\x85\u202f"), max_size=30)


@fuzz()
@given(st.lists(st.lists(CELLS, min_size=7, max_size=7), min_size=1, max_size=4))
def test_any_cells_are_sizes_or_refused_by_row(tmp_path: Path, rows: list[list[str]]) -> None:
    lines = ["case;structure;value;unit;slice;frame;seconds", *(";".join(row) for row in rows)]
    refused_or_read(tmp_path / "sizes.csv", "\n".join(lines).encode())


@pytest.fixture(scope="module")
def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["case", "structure", "value", "unit"])
    book.active.append(["p1", "lv", 0.5, "ml"])
    book.active.merge_cells("A2:A3")
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@fuzz()
@given(place=st.integers(0), byte=st.integers(0, 255), within=st.booleans())
def test_a_damaged_workbook_is_read_or_refused(
    tmp_path: Path, workbook: bytes, place: int, byte: int, within: bool
) -> None:
    content = changed(workbook, place, byte)
    if within:  # the XML of a part, and not what packs it
        content = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(workbook)) as archive, zipfile.ZipFile(content, "w") as saved:
            names = archive.namelist()
            for number, name in enumerate(names):
                part = archive.read(name)
                saved.writestr(name, changed(part, place // len(names), byte) if number == place % len(names) else part)
        content = content.getvalue()
    refused_or_read(tmp_path / "sizes.xlsx", content)


def changed(content: bytes, place: int, byte: int) -> bytes:
    place %= len(content)
    return content[:place] + bytes([byte]) + content[place + 1 :]


def refused_or_read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        table = parse_size_table(path)
    except InputError as error:
        refused = str(error)
    else:
        refused = ""
        for entry in table.entries:
            numbers = [number for number in (entry.low, entry.value, entry.high) if number is not None]
            assert numbers == sorted(numbers)
            assert all(0 <= number < math.inf for number in numbers)
    assert not refused or path.name in refused
