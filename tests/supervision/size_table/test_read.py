import datetime
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table import (
    SizeEntry,
    cells,
    parse_size_table,
    read,
    read_size_table,
    write_size_table,
)

HEADER = "case,frame,slice,structure,value,low,high,unit,rater,seconds,note"


def table(folder: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8", end: str = "\n") -> Path:
    path = folder / "sizes.csv"
    path.write_bytes(end.join([header, *lines, ""]).encode(encoding))
    return path


def excel(folder: Path, *rows: list[object], percent: tuple[int, int] | None = None) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if percent:
        book.active.cell(*percent).number_format = "0.0%"
    book.create_sheet("instructions")["A1"] = "How to fill in this table"
    path = folder / "sizes.xlsx"
    book.save(path)
    return path


def values(path: Path) -> list[float | None]:
    return [entry.value for entry in read_size_table(path)]


def test_every_column_of_a_row_is_read(tmp_path: Path) -> None:
    path = table(tmp_path, "patient001,1,3,lv,140,120,150,ml,Anna,12.5,blurred")
    expected = SizeEntry(2, "patient001_frame01", 3, "lv", 140, 120, 150, "ml", "Anna", 12.5, "blurred")
    assert read_size_table(path) == [expected]


def test_a_row_without_slice_is_of_the_whole_case_and_one_without_frame_keeps_its_case(tmp_path: Path) -> None:
    entry = read_size_table(table(tmp_path, "scan7,,,lv,140,,,ml,,,"))[0]
    assert (entry.case, entry.slice, entry.low, entry.high, entry.rater, entry.seconds) == (
        "scan7", None, None, None, "", None,
    )  # fmt: skip


@pytest.mark.parametrize("frame", ["9", "09", "frame09", "Frame 9", "9.0"])
def test_a_case_and_its_frame_become_one_id(tmp_path: Path, frame: str) -> None:
    assert read_size_table(table(tmp_path, f"patient001,{frame},,lv,140,,,ml,,,"))[0].case == "patient001_frame09"


def test_a_case_that_names_its_frame_already_keeps_its_id(tmp_path: Path) -> None:
    path = table(tmp_path, "patient001_frame09,9,,lv,140,,,ml,,,", "patient001_frame09,,,lv,140,,,ml,,,")
    assert {entry.case for entry in read_size_table(path)} == {"patient001_frame09"}


def test_rows_that_say_nothing_of_a_size_are_left_out_and_0_is_not_nothing(tmp_path: Path) -> None:
    path = table(tmp_path, "a,,,lv,,,,ml,,,", "b,,,lv,0,,,ml,,,", "c,,,lv,?,,,,,,", "d,,,lv,,5,,ml,,,")
    assert [(entry.case, entry.value, entry.low) for entry in read_size_table(path)] == [("b", 0, None), ("d", None, 5)]
    assert parse_size_table(path).blank == 2


ENCODINGS = ["utf-8", "utf-8-sig", "cp1252", "utf-16"]
SEPARATORS = [",", ";", "\t"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_spreadsheets_save_is_read(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    lines = [
        line.replace(",", separator)
        for line in (
            HEADER,
            "Größe,,2,lv,140,,,cm³,Jürgen,,für später",
            "",
            ",,,,,,,,,,",
            "b,,,lv,1 234.5 ml,,,,,,",
            ",,,",
        )
    ]
    path = table(tmp_path, *lines[1:], header=lines[0], encoding=encoding, end=end)
    first, second = read_size_table(path)
    assert (first.case, first.unit, first.rater, first.note) == ("Größe", "ml", "Jürgen", "für später")
    assert (second.value, second.row) == (1234.5, 5)


def test_excels_line_about_the_separator_is_understood(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER.replace(",", ";"), "a;;;lv;1,5;;;ml;;;", header="sep=;")
    assert [(entry.row, entry.value) for entry in read_size_table(path)] == [(3, 1.5)]


def test_blank_cells_at_the_end_of_a_row_may_be_missing(tmp_path: Path) -> None:
    assert values(table(tmp_path, "a,,,lv,140 ml")) == [140]


HEADERS = {
    "Unit;Value;Structure;Case": "ml;140;lv;a",
    "case ID;Organ;Volume (mL)": "a;lv;140",
    "Patient;structure;volume [cm³];unit": "a;lv;140;ml",
    "PATIENT_ID;Label;Größe;Einheit": "a;lv;140;ml",
    "case;patient;structure;value": "a;b;lv;140 ml",
    "case;class;estimate;units;who;phase": "a;lv;140;ml;me;ED",
    " Case* ;structure: ;VALUE;unit": "a;lv;140;ml",
}


@pytest.mark.parametrize(("header", "row"), HEADERS.items(), ids=HEADERS)
def test_columns_may_have_other_names_and_any_order(tmp_path: Path, header: str, row: str) -> None:
    entry = read_size_table(table(tmp_path, row, header=header))[0]
    assert (entry.case, entry.structure, entry.value, entry.unit) == ("a", "lv", 140, "ml")


def test_columns_that_are_not_read_are_told(tmp_path: Path) -> None:
    assert parse_size_table(table(tmp_path, "a,lv,1,ml,x", header="case,structure,value,unit,Ratr")).others == ("Ratr",)


RANGES = {
    "140,120,150,ml": (140, 120, 150),
    ",120,150,ml": (None, 120, 150),
    ",120,,ml": (None, 120, None),
    ",,150,ml": (None, None, 150),
    "120-150 ml,,,": (None, 120, 150),
    "140 (120-150),,,ml": (140, 120, 150),
    "<150,,,ml": (None, 0, 150),
    "~140,~120,~150,ml": (140, 120, 150),
}


@pytest.mark.parametrize(("cells", "numbers"), RANGES.items(), ids=RANGES)
def test_a_row_may_give_a_value_a_range_or_both(tmp_path: Path, cells: str, numbers: tuple[float | None, ...]) -> None:
    entry = read_size_table(table(tmp_path, f"a,,,lv,{cells},,,"))[0]
    assert (entry.value, entry.low, entry.high) == numbers


def test_a_decimal_comma_elsewhere_settles_a_number_with_two_readings(tmp_path: Path) -> None:
    assert values(table(tmp_path, "a;lv;1,234;ml", "b;lv;1,5;ml", header="case;structure;value;unit")) == [1.234, 1.5]
    assert values(table(tmp_path, "a;lv;1.234;ml", "b;lv;1,5;ml", header="case;structure;value;unit")) == [1234, 1.5]


def test_the_seconds_settle_the_decimal_mark_too(tmp_path: Path) -> None:
    assert values(table(tmp_path, "a;lv;1,234;ml;8,5", header="case;structure;value;unit;seconds")) == [1.234]


def test_where_commas_separate_cells_a_point_is_the_decimal_mark(tmp_path: Path) -> None:
    assert values(table(tmp_path, "a,,,lv,1.234,,,ml,,,")) == [1.234]
    with pytest.raises(InputErrors, match=r"column value: '1,234' can be read in two ways"):
        read_size_table(table(tmp_path, 'a,,,lv,"1,234",,,ml,,,'))
    assert values(table(tmp_path, 'a,,,lv,"1,234",,,ml,,,', "b,,,lv,1.5,,,ml,,,")) == [1234, 1.5]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("cell", ["1,234", "1.234"])
def test_what_nothing_settles_is_refused_with_both_readings(tmp_path: Path, separator: str, cell: str) -> None:
    header = separator.join(["case", "structure", "value", "unit"])
    path = table(tmp_path, separator.join(["a", "lv", cell, "ml"]), header=header)
    with pytest.raises(
        InputErrors, match=r"sizes.csv, row 2, column value: .*two ways\n.*\n.*1234 .*1.234|1.234 .*1234"
    ):
        read_size_table(path)


def test_a_table_with_both_decimal_marks_settles_nothing(tmp_path: Path) -> None:
    header = "case;structure;value;unit"
    path = table(tmp_path, "a;lv;1,5;ml", "b;lv;1.5;ml", header=header)
    assert values(path) == [1.5, 1.5]
    with pytest.raises(InputErrors, match="row 4, column value: '1,234' can be read in two ways"):
        read_size_table(table(tmp_path, "a;lv;1,5;ml", "b;lv;1.5;ml", "c;lv;1,234;ml", header=header))


WRONG = {
    ",,,lv,140,,,ml,,,": "row 2, column case: nothing",
    "a,,,,140,,,ml,,,": "row 2, column structure: nothing",
    "a,,,lv,140,,,,,,": "row 2, column unit: no unit",
    "a,,,lv,140,,,stone,,,": "row 2, column unit: unknown unit",
    "a,,,lv,140 ml,,,percent,,,": "row 2: two units: ml beside the number, percent in the column unit",
    "a,,,lv,,120 ml,150 %,,,,": "row 2: several units in one row",
    "a,,,lv,big,,,ml,,,": "row 2, column value: not a size",
    "a,,,lv,,120-130,150,ml,,,": "row 2, column low: a range",
    "a,,,lv,120-130,120,130,ml,,,": "row 2: two ranges in one row",
    "a,,,lv,150-120,,,ml,,,": "row 2: the range is upside down\n.*low ≤ value ≤ high\n.*150, 120",
    "a,,,lv,160,120,150,ml,,,": "row 2: the value is outside its range",
    "a,,,lv,-1,,,ml,,,": "row 2, column value: a size cannot be negative",
    "a,ED,,lv,1,,,ml,,,": "row 2, column frame: not the number of a frame",
    "a_frame01,2,,lv,1,,,ml,,,": "row 2, column frame: another frame than in the case",
    "a,,one,lv,1,,,ml,,,": "row 2, column slice: not the number of a slice",
    "a,,-1,lv,1,,,ml,,,": "row 2, column slice: not the number of a slice",
    "a,,1.5,lv,1,,,ml,,,": "row 2, column slice: not the number of a slice",
    "a,,,lv,1,,,ml,,soon,": "row 2, column seconds: not a size",
    "a,,,lv,1,,,ml,,5-6,": "row 2, column seconds: not a number of seconds",
    "a,,,lv,1,5,,,ml,,,,": "row 2: the value is outside its range",
    "a,,,lv,1,,,ml,me,5,note,more": "row 2: 12 cells\n.*11, as in the header\n.*\n.*decimals with '.'",
}


@pytest.mark.parametrize(("row", "message"), WRONG.items(), ids=WRONG)
def test_a_wrong_row_is_told_by_row_and_column(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputErrors, match=message):
        read_size_table(table(tmp_path, row))


def test_all_that_is_wrong_is_listed_at_once(tmp_path: Path) -> None:
    path = table(tmp_path, "a,,,lv,big,,,ml,,,", "b,,,lv,1,,,ml,,,", "c,,,lv,1,,,stone,,,", "d,,x,lv,1,,,ml,,,")
    with pytest.raises(InputErrors) as caught:
        read_size_table(path)
    assert [error.problem.split(",")[1] for error in caught.value.errors] == [" row 2", " row 4", " row 5"]
    assert [entry.case for entry in parse_size_table(path).entries] == ["b"]


DIGITS = "1" * 5000
HOSTILE = {
    f"a,,,lv,{DIGITS},,,ml,,,": "column value: not a size",
    f"a,,,lv,1/{DIGITS},,,ml,,,": "column value: not a size",
    f"a,,{DIGITS},lv,1,,,ml,,,": "column slice: not the number of a slice",
    f"a,{DIGITS},,lv,1,,,ml,,,": "column frame: not the number of a frame",
    f"a_frame{DIGITS},1,,lv,1,,,ml,,,": "",
    "a,,,lv,1e999,,,ml,,,": "column value: '1e999' is not a size",
    "a,,,lv,1e-999,,,ml,,,": "column value: '1e-999' is not a size",
    "a,,,lv,1,,,ml,,1e999,": "column seconds: '1e999' is not a size",
    "a,,,lv," + "1 " * 50_000 + ",,,ml,,,": "column value: not a size",
    "a,,,lv,1,,," + "m" * 100_000 + ",,,": "column unit: unknown unit",
}


@pytest.mark.parametrize(("row", "message"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_what_no_person_writes_is_refused_in_a_line(tmp_path: Path, row: str, message: str) -> None:
    problems = [str(error) for _, error in parse_size_table(table(tmp_path, row)).problems]
    assert [error.startswith(message) and len(error) < 400 for error in problems] == [True] * bool(message)


def test_an_open_quotation_mark_swallows_no_rows(tmp_path: Path) -> None:
    path = table(tmp_path, 'a,,,lv,1,,,ml,,,"blurred', "b,,,lv,2,,,ml,,,", 'c,,,lv,3,,,ml,,,"sharp"')
    with pytest.raises(InputError, match=r"sizes\.csv, row 2: no row of a CSV"):
        read_size_table(path)


def test_a_case_called_na_is_a_case(tmp_path: Path) -> None:
    path = table(tmp_path, *(f"{name},,,{name},1,,,ml,{name},,{name}" for name in ("NA", "nan", "None", "null")))
    assert [(e.case, e.structure, e.rater, e.note) for e in read_size_table(path)] == [
        (name,) * 4 for name in ("NA", "nan", "None", "null")
    ]


@pytest.mark.parametrize(("bound", "message"), [("MOST_ROWS", "at most 5 rows"), ("MOST_BYTES", "is too large")])
def test_a_table_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, message: str
) -> None:
    monkeypatch.setattr(cells, bound, 5)
    with pytest.raises(InputError, match=message):
        read_size_table(table(tmp_path, *["a,,,lv,1,,,ml,,,"] * 6))


def test_a_long_table_is_read_with_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_LONG_BYTES", 10)
    monkeypatch.setattr(read, "PROGRESS_EVERY", 2)
    monkeypatch.setattr(cells, "PROGRESS_EVERY", 2)
    assert len(read_size_table(table(tmp_path, *["a,,,lv,1,,,ml,,,"] * 6))) == 6


WRONG_HEADERS = {
    "case,frame,value": "no column structure",
    "case,structure,unit": "no column value",
    "case,structur,value": r"no column structure\n.*\n.*\n.*rename 'structur' to 'structure'",
    "case,organ,label,value": "several columns for the structure\n.*organ, label\n.*call the one .* 'structure'",
    "case,structure,value (stones)": "unknown unit",
}


@pytest.mark.parametrize(("header", "message"), WRONG_HEADERS.items(), ids=WRONG_HEADERS)
def test_a_wrong_header_is_told(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(InputError, match=f"sizes.csv, row 1: {message}"):
        read_size_table(table(tmp_path, "a,b,c", header=header))


WRONG_FILES = {
    b"": "has no rows",
    b"\n\n": "has no rows",
    HEADER.encode(): "has no rows",
    b"\x00\x01\x02": "sizes.csv is no text",
    b"PK\x03\x04 no zip at all": "cannot read the size table",
    b"case,structure,value\n\x81\x8d": "sizes.csv is no text",
    b"case,structure,value\n" + b"p" * 200_000: "sizes.csv, row 2: no row of a CSV.*\n.*\n.*field limit",
    b"case,structure,value\n" + b"p" * 2_000_000: "lines of at most 1,000,000",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "cannot read the size table.*\n.*\n.*with a password",
}


@pytest.mark.parametrize(("content", "message"), WRONG_FILES.items(), ids=range(len(WRONG_FILES)))
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "sizes.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_size_table(path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent.csv: no such file\n.*a CSV or an .xlsx"):
        read_size_table(tmp_path / "absent.csv")


EXCEL_HEADER: list[object] = ["case", "frame", "slice", "structure", "value", "unit"]


def test_an_excel_file_is_read(tmp_path: Path) -> None:
    path = excel(
        tmp_path, EXCEL_HEADER, ["patient001", 9, 2, "lv", 140.5, "ml"], [], ["b", None, None, "lv", "~1,5", "ml"]
    )
    first, second = read_size_table(path)
    assert (first.case, first.slice, first.value, first.row) == ("patient001_frame09", 2, 140.5, 2)
    assert (second.case, second.slice, second.value, second.row) == ("b", None, 1.5, 4)


def test_numbers_of_an_excel_file_have_one_reading_and_prove_no_decimal_mark(tmp_path: Path) -> None:
    assert values(excel(tmp_path, EXCEL_HEADER, ["a", None, None, "lv", 1.234, "ml"])) == [1.234]
    rows: list[list[object]] = [["a", None, None, "lv", 1.5, "ml"], ["b", None, None, "lv", "1,234", "ml"]]
    path = excel(tmp_path, EXCEL_HEADER, *rows)
    with pytest.raises(InputErrors, match="row 3, column value: '1,234' can be read in two ways"):
        read_size_table(path)


def test_a_percentage_of_an_excel_file_is_what_it_shows(tmp_path: Path) -> None:
    entry = read_size_table(excel(tmp_path, EXCEL_HEADER, ["a", None, None, "lv", 0.35, None], percent=(2, 5)))[0]
    assert (entry.value, entry.unit) == (35, "percent")


def test_a_number_as_the_name_of_a_case_is_its_name(tmp_path: Path) -> None:
    assert read_size_table(excel(tmp_path, EXCEL_HEADER, [17, None, None, "lv", 140, "ml"]))[0].case == "17"


def test_a_range_that_excel_made_a_date_of_is_told(tmp_path: Path) -> None:
    path = excel(tmp_path, EXCEL_HEADER, ["a", None, None, "lv", datetime.datetime(2026, 5, 3), "ml"])
    with pytest.raises(InputErrors, match=r"row 2, column value: a date(?s:.)*columns low and high"):
        read_size_table(path)


def test_a_formula_without_its_result_is_refused_rather_than_read_as_blank(tmp_path: Path) -> None:
    header = ["case", "structure", "value", "unit"]
    path = excel(tmp_path, header, ["a", "lv", "=2*70", "ml"], ["b", "lv", 140, "ml"])
    with pytest.raises(InputError, match=r"sizes\.xlsx, cell C2: a formula(?s:.)*=2\*70(?s:.)*save it"):
        read_size_table(path)


def test_an_excel_file_without_any_cell_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "sizes.xlsx"
    Workbook().save(path)
    with pytest.raises(InputError, match="has no rows"):
        read_size_table(path)


@pytest.mark.parametrize("name", ["sizes.xlsx", "sizes.csv"])
def test_an_excel_file_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    path = excel(tmp_path, EXCEL_HEADER, [1e15, None, None, "lv", 140, "ml"]).rename(tmp_path / name)
    assert [(entry.case, entry.value) for entry in read_size_table(path)] == [("1000000000000000", 140)]


def test_without_openpyxl_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = excel(tmp_path, EXCEL_HEADER, ["a", None, None, "lv", 140, "ml"])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"needs openpyxl\n.*medsize\[excel\].*CSV"):
        read_size_table(path)
    with pytest.raises(InputError, match=r"needs openpyxl\n.*medsize\[excel\].*csv"):
        write_size_table(tmp_path / "new.xlsx", [])


LOCALES = {
    "en": (".", ",", ","),
    "de": (",", ".", ";"),
    "fr": (",", "\u202f", ";"),
    "ch": (".", "’", ";"),
    "plain": (".", "", ","),
}


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 1)), min_size=2, max_size=6), st.sampled_from(sorted(LOCALES))
)
def test_a_column_of_any_country_is_read_or_refused_but_never_misread(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[tuple[float, int]], locale: str
) -> None:
    decimal, thousands, separator = LOCALES[locale]
    cells, expected = [], []
    for number, whole in numbers:
        digits = 0 if whole else 3
        written = f"{number:,.{digits}f}"
        expected.append(float(written.replace(",", "")))
        cells.append(written.translate({ord(","): thousands, ord("."): decimal}))
    path = tmp_path_factory.mktemp("table") / "sizes.csv"
    rows = [separator.join(["case", "structure", "value", "unit"])]
    rows += [separator.join([f"p{row}", "lv", f'"{cell}"', "ml"]) for row, cell in enumerate(cells)]
    path.write_text("\n".join(rows), encoding="utf-8")
    table = parse_size_table(path)
    assert all("two ways" in error.problem for _, error in table.problems)
    assert table.problems or [entry.value for entry in table.entries] == expected
