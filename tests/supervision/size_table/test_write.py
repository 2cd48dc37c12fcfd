from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.errors import InputError
from medsize.supervision.size_table import UNITS, SizeEntry, read_size_table, write_size_table

TEXT = st.text(st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029"), max_size=8).map(str.strip)
NAME = st.from_regex(r"[A-Za-zäöüß][A-Za-z0-9_ -]{0,6}[a-z0-9]", fullmatch=True)
SIZE = st.floats(0, 1e9).map(lambda number: float(f"{number:.9g}")) | st.sampled_from(
    [0.0, 1.234, 12.345, 1234.0, 1e-7]
)


@st.composite
def entries(draw: st.DrawFn) -> SizeEntry:
    numbers = sorted(draw(st.lists(SIZE, min_size=3, max_size=3)))
    low, value, high = (draw(st.sampled_from([number, None])) for number in numbers)
    if low is None and value is None and high is None:
        value = numbers[1]
    return SizeEntry(
        row=2,
        case=draw(NAME),
        slice=draw(st.none() | st.integers(0, 400)),
        structure=draw(NAME),
        value=value,
        low=low,
        high=high,
        unit=draw(st.sampled_from(UNITS)),
        rater=draw(TEXT),
        seconds=draw(st.none() | SIZE),
        note=draw(TEXT),
    )


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.xlsx", ",")])
@settings(max_examples=40)
@given(st.lists(entries(), min_size=1, max_size=5))
def test_what_is_written_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, name: str, separator: str, rows: list[SizeEntry]
) -> None:
    path = tmp_path_factory.mktemp("table") / name
    assert write_size_table(path, rows, separator=separator) == len(rows)
    assert read_size_table(path) == [replace(entry, row=row) for row, entry in enumerate(rows, start=2)]


def test_semicolons_come_with_decimal_commas_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    write_size_table(path, [SizeEntry(0, "a", None, "lv", 1.5, None, None, "ml")], separator=";")
    lines = path.read_bytes().decode("utf-8").splitlines()
    assert lines == ["\ufeffcase;frame;slice;structure;value;low;high;unit;rater;seconds;note", "a;;;lv;1,5;;;ml;;;"]


def test_a_number_with_two_readings_is_written_with_one(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    write_size_table(path, [SizeEntry(0, "a", None, "lv", 1.234, None, None, "ml")], separator=";")
    assert "1,2340" in path.read_text("utf-8")


def test_what_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "sizes.xlsx"
    entry = SizeEntry(2, "a", None, "lv", 1.5, None, None, "ml", "=1+1", None, "=HYPERLINK()")
    write_size_table(path, [entry])
    assert read_size_table(path) == [entry]


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("a.csv", "a.xlsx"):
        with pytest.raises(InputError, match="cannot write"):
            write_size_table(tmp_path / "file" / name, [])


FORMULAS = ["=1+1", "+4", "-x", "@sum", "'=quoted", "''=twice", "-"]


@pytest.mark.parametrize("name", ["sizes.csv", "sizes.xlsx"])
def test_no_text_is_a_formula_and_all_of_it_comes_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rows = [
        SizeEntry(row, "a", None, "lv", 1.5, None, None, "ml", text, None, text) for row, text in enumerate(FORMULAS, 2)
    ]
    write_size_table(path, rows)
    assert read_size_table(path) == rows
    if name.endswith("csv"):
        cells = [cell for line in path.read_text("utf-8").splitlines() for cell in line.split(",")]
        assert [cell for cell in cells if cell.startswith(("=", "@", "-"))] == []


def test_control_characters_of_a_note_are_written_escaped(tmp_path: Path) -> None:
    path = tmp_path / "sizes.xlsx"
    write_size_table(path, [SizeEntry(2, "a", None, "lv", 1.5, None, None, "ml", note="\x1b[31m")])
    assert read_size_table(path)[0].note == r"\x1b[31m"
