from pathlib import Path

import pytest
from openpyxl import load_workbook

from medsize.data.case import Case
from medsize.errors import InputError
from medsize.supervision.size_table import parse_size_table, read_size_table
from medsize.supervision.size_table.template import instructions_path, write_template

CASES = [
    Case(id="patient001_frame01", group="patient001", image=Path("a"), frame=1, phase="ED"),
    Case(id="patient001_frame09", group="patient001", image=Path("b"), frame=9, phase="ES"),
]
PLAIN = [Case(id="scan7", group="somebody", image=Path("a"))]


def test_a_template_has_a_blank_row_for_each_case_frame_and_structure(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    assert write_template(path, CASES, ("rv", "lv"), unit="ml") == 4
    assert path.read_text("utf-8").splitlines() == [
        "case,frame,phase,slice,structure,value,low,high,unit,rater,seconds,note",
        "patient001,1,ED,,rv,,,,ml,,,",
        "patient001,1,ED,,lv,,,,ml,,,",
        "patient001,9,ES,,rv,,,,ml,,,",
        "patient001,9,ES,,lv,,,,ml,,,",
    ]


def test_a_template_of_slices_has_a_row_for_each_slice(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    assert write_template(path, PLAIN, ("lv",), slices={"scan7": 2}, unit="percent", separator=";") == 2
    assert path.read_text(encoding="utf-8-sig").splitlines() == [
        "case;frame;slice;structure;value;low;high;unit;rater;seconds;note",
        "scan7;;0;lv;;;;percent;;;",
        "scan7;;1;lv;;;;percent;;;",
    ]


def test_a_template_says_nothing_of_any_size(tmp_path: Path) -> None:
    for name in ("sizes.csv", "sizes.xlsx"):
        write_template(tmp_path / name, CASES, ("lv",), unit="ml")
        table = parse_size_table(tmp_path / name)
        assert (table.entries, table.problems, table.blank, table.others) == ([], [], 2, ())


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_filled_in_template_is_read_under_the_ids_of_the_cases(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "sizes.csv"
    write_template(path, CASES, ("lv",), unit="ml", separator=separator)
    blank, filled = (separator.join(["lv", value, "", "", "ml"]) for value in ("", "140"))
    path.write_text(path.read_text("utf-8").replace(blank, filled), "utf-8")
    assert [(entry.case, entry.value) for entry in read_size_table(path)] == [(case.id, 140) for case in CASES]


def test_the_second_sheet_of_an_excel_file_has_the_instructions(tmp_path: Path) -> None:
    path = tmp_path / "sizes.xlsx"
    write_template(path, CASES, ("lv",), unit="ml")
    book = load_workbook(path)
    assert book.sheetnames == ["sizes", "instructions"]
    assert "How to fill in" in str(book["instructions"]["A1"].value)
    assert not instructions_path(path).exists()


def test_the_instructions_of_a_csv_stand_beside_it_and_name_units_and_structures(tmp_path: Path) -> None:
    write_template(tmp_path / "sizes.csv", CASES, ("rv", "lv"), unit="ml")
    text = (tmp_path / "sizes-instructions.txt").read_text("utf-8")
    assert "Structures: rv, lv" in text
    assert "Filled in as ml" in text


@pytest.mark.parametrize("name", ["sizes.csv", "sizes.xlsx", "sizes-instructions.txt"])
def test_a_file_that_is_there_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("filled in by hand")
    with pytest.raises(InputError, match=f"{name} is there already"):
        write_template(tmp_path / ("sizes.csv" if name.endswith("txt") else name), CASES, ("lv",), unit="ml")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text("utf-8") == "filled in by hand"
