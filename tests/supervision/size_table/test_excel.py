"""Workbooks as other programs write them: nothing of them is left without a word, and nothing takes for ever."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table import excel, parse_size_table, read_size_table

HEADER = ["case", "structure", "value", "unit"]
SHEET = "xl/worksheets/sheet1.xml"


def workbook(change: Callable[[Worksheet], None] | None = None, rows: int = 6) -> bytes:
    """A table of 80, 81, … mL, changed as wanted."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADER)
    for row in range(rows):
        sheet.append([f"p{row}", "lv", 80 + row, "ml"])
    if change:
        change(sheet)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def edited(content: bytes, *changes: tuple[bytes, bytes], part: str = SHEET) -> bytes:
    """The workbook with some of its XML replaced."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as written,
    ):
        for name in archive.namelist():
            xml = archive.read(name)
            for old, new in changes if name == part else ():
                assert old in xml
                xml = xml.replace(old, new)
            written.writestr(name, xml)
    return changed.getvalue()


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "sizes.xlsx"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("dimension", ["A1:D3", "A1", "A1:XFD1048576", "C3:D4"])
def test_all_rows_are_read_whatever_the_file_says_of_its_size(tmp_path: Path, dimension: str) -> None:
    content = edited(workbook(), (b'<dimension ref="A1:D7"', f'<dimension ref="{dimension}"'.encode()))
    entries = read_size_table(saved(tmp_path, content))
    assert [(entry.row, entry.value) for entry in entries] == [(row + 2, 80 + row) for row in range(6)]


PERCENTS = {"0.00\\%": 0.85, '0.00"%"': 0.85, "0.00[$%-409]": 0.85, "0.00%": 85, "[Red]0%": 85, "0%;-0%": 85}


@pytest.mark.parametrize(("number_format", "percent"), PERCENTS.items(), ids=PERCENTS)
def test_a_percentage_is_what_its_cell_shows(tmp_path: Path, number_format: str, percent: float) -> None:
    def show(sheet: Worksheet) -> None:
        sheet["C2"], sheet["D2"] = 0.85, None
        sheet["C2"].number_format = number_format

    entry = read_size_table(saved(tmp_path, workbook(show)))[0]
    assert (entry.value, entry.unit) == (percent, "percent")


def test_a_unit_that_the_cell_shows_counts_like_one_that_is_written(tmp_path: Path) -> None:
    def show(sheet: Worksheet) -> None:
        sheet["C2"].number_format = '0" mm3"'
        sheet["D2"] = None
        sheet["C3"].number_format = sheet["C4"].number_format = '0.0"%"'
        sheet["D4"] = "percent"
        sheet["C5"].number_format = '0" kg"'

    table = parse_size_table(saved(tmp_path, workbook(show)))
    assert [(entry.row, entry.unit) for entry in table.entries] == [(2, "mm3"), (4, "percent"), (6, "ml"), (7, "ml")]
    told = {row: str(error) for row, error in table.problems}
    assert "two units: percent beside the number, ml in the column unit" in told[3]
    assert "unknown unit" in told[5]


def test_sheets_that_are_not_read_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def more(sheet: Worksheet) -> None:
        for title, state in (("Ben", "visible"), ("old", "hidden")):
            other = sheet.parent.create_sheet(title)
            other.append(HEADER)
            other.append(["p1", "lv", 140, "ml"])
            other.sheet_state = state
        sheet.parent.create_sheet("instructions").append(["How to fill in this table of sizes"])
        sheet.parent.create_sheet("blank")

    path = saved(tmp_path, workbook(more))
    table = parse_size_table(path)
    assert len(table.entries) == 6
    assert table.notes == ("sheet 'Ben' is not read: 2 rows", "sheet 'old' (hidden) is not read: 2 rows")
    read_size_table(path)
    assert capsys.readouterr().err == ""
    read_size_table(path, tell=True)
    assert "sizes.xlsx: sheet 'Ben' is not read: 2 rows" in capsys.readouterr().err


def test_a_visible_table_is_read_rather_than_a_hidden_one(tmp_path: Path) -> None:
    def hide(sheet: Worksheet) -> None:
        visible = sheet.parent.create_sheet("new")
        visible.append(["case", "structure", "value in ml"])
        visible.append(["case", "structure", "value"])
        visible.append(["p9", "lv", "7 ml"])
        visible.delete_rows(1)
        sheet.sheet_state = "hidden"
        sheet.parent.active = 1

    table = parse_size_table(saved(tmp_path, workbook(hide)))
    assert [(entry.case, entry.value) for entry in table.entries] == [("p9", 7)]
    assert table.notes == ("sheet 'Sheet' (hidden) is not read: 7 rows",)


def test_hidden_rows_are_read_and_told(tmp_path: Path) -> None:
    def hide(sheet: Worksheet) -> None:
        for row in (3, 5, 900):
            sheet.row_dimensions[row].hidden = True

    table = parse_size_table(saved(tmp_path, workbook(hide)))
    assert len(table.entries) == 6
    assert table.notes == ("sheet 'Sheet': 2 hidden rows are read like the others: 3, 5",)


def test_a_case_that_is_merged_over_its_rows_is_that_of_each(tmp_path: Path) -> None:
    def merge(sheet: Worksheet) -> None:
        sheet.merge_cells("A2:A4")
        sheet.merge_cells("D3:D5")

    entries = read_size_table(saved(tmp_path, workbook(merge)))
    assert [(entry.case, entry.value, entry.unit) for entry in entries[:4]] == [
        ("p0", 80, "ml"), ("p0", 81, "ml"), ("p0", 82, "ml"), ("p3", 83, "ml"),
    ]  # fmt: skip


def test_a_size_that_is_merged_over_rows_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, workbook(lambda sheet: sheet.merge_cells("C2:C3")))
    with pytest.raises(InputErrors, match="row 3, column value: merged with the cell above it"):
        read_size_table(path)


def test_a_cell_far_from_the_table_is_an_error_of_its_row(tmp_path: Path) -> None:
    def stray(sheet: Worksheet) -> None:
        sheet["XFD9"] = "x"

    table = parse_size_table(saved(tmp_path, workbook(stray)))
    assert len(table.entries) == 6
    assert [row for row, _ in table.problems] == [9]
    assert "16384 cells" in table.problems[0][1].problem


DTD = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><worksheet'
BOMBS = {
    "a row beyond Excel's last": ((b'<row r="7"', b'<row r="99999999999"'), "too large.*\n.*5,000,000 cells"),
    "entities of entities": ((b"<worksheet", DTD), "declares entities"),
    "a number of 5,000 digits": ((b"<v>85</v>", b"<v>" + b"1" * 5000 + b"</v>"), "a damaged file: ValueError"),
    "rows out of order": ((b'<row r="7"', b'<row r="2"'), "24 of 28 cells can be read"),
    "cells out of order": ((b'<c r="A7"', b'<c r="Z7"'), "27 of 28 cells can be read"),
    "merged over all rows": (
        (
            b"</sheetData>",
            b"</sheetData><mergeCells>" + b'<mergeCell ref="A1:A1048576"/>' * 200_000 + b"</mergeCells>",
        ),
        "too large.*\n.*neither rows nor cells",
    ),
    "XML within XML": ((b"</sheetData>", b"<a>" * 200_000 + b"</a>" * 200_000 + b"</sheetData>"), "too large"),
    "no XML": ((b"</worksheet>", b""), "a damaged file: ParseError"),
}


@pytest.mark.parametrize(("change", "message"), BOMBS.values(), ids=BOMBS)
def test_what_would_take_for_ever_or_is_damaged_is_refused(
    tmp_path: Path, change: tuple[bytes, bytes], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "_EXCELS_ROWS", 5000)
    with pytest.raises(InputError, match=message):
        read_size_table(saved(tmp_path, edited(workbook(), change)))


def test_more_than_a_table_can_have_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, edited(workbook(), (b"</sheetData>", b" " * 3 * 2**20 + b"</sheetData>")))
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(excel, "MOST_UNPACKED_BYTES", 2**20)
    with pytest.raises(InputError, match=r"at most 1 MiB unpacked\n.*3 MiB"):
        read_size_table(path)


@pytest.mark.parametrize(("bound", "value"), [("MOST_ROWS", 5), ("MOST_CELLS", 20), ("MOST_ELEMENTS", 50)])
def test_the_bounds_are_those_that_the_message_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(excel, bound, value)
    with pytest.raises(InputError, match=f"sizes.xlsx is too large\n.*at most {value} "):
        read_size_table(saved(tmp_path, workbook()))


def test_cells_that_are_merged_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", 7)
    ranges = b'<mergeCells><mergeCell ref="A1:A1048576"/><mergeCell ref="B1:B1048576"/></mergeCells>'
    content = edited(workbook(), (b"</sheetData>", b"</sheetData>" + ranges))
    with pytest.raises(InputError, match="at most 7 merged cells"):
        read_size_table(saved(tmp_path, content))


def test_an_infinite_number_is_refused(tmp_path: Path) -> None:
    content = edited(workbook(), (b"<v>85</v>", b"<v>1E999</v>"), (b"<v>84</v>", b"<v>-1E999</v>"))
    table = parse_size_table(saved(tmp_path, content))
    assert [(row, error.problem.split("\n")[0]) for row, error in table.problems] == [
        (6, "column value: not a size"), (7, "column value: not a size"),
    ]  # fmt: skip


def test_the_rows_of_a_long_table_are_told_as_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "PROGRESS_EVERY", 3)
    moved: list[tuple[int, int]] = []
    excel.read_excel(tmp_path / "a.xlsx", workbook(), lambda done, total: moved.append((done, total)))
    assert moved == [(3, 7), (6, 7)]
