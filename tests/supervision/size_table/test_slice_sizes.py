from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table.slice_sizes import read_slice_sizes, write_slice_sizes

HEADER = "case,slice,structure,value,unit"
INDEX = pd.DataFrame({"case": ["p1", "p1", "p2", "p2", "p2"], "slice": [0, 1, 0, 1, 2]})
NEAR = pd.DataFrame({"case": ["patient001", "patient002"], "slice": [0, 0]})


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "sizes.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_written_table_is_read_back_as_it_was(tmp_path: Path) -> None:
    sizes = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [np.nan] * 3, [0.0, 1 / 3, 2 / 3], [0.9, 0.1, 0.0]])
    path = tmp_path / "new" / "sizes.csv"
    assert write_slice_sizes(path, INDEX, sizes, ("rv", "lv")) == 8
    read = read_slice_sizes(path, ("rv", "lv"), INDEX)
    np.testing.assert_array_equal(read[:, 1:], sizes[:, 1:])
    np.testing.assert_allclose(read, sizes, rtol=0, atol=1e-15)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_every_fraction_survives_the_table(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("table") / "sizes.csv"
    sizes = np.array([[1 - value, value] for value in values])
    write_slice_sizes(path, INDEX, sizes, ("lv",))
    np.testing.assert_array_equal(read_slice_sizes(path, ("lv",), INDEX), sizes)


def test_the_table_has_one_line_for_each_slice_and_structure(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    write_slice_sizes(path, INDEX[2:], np.array([[0.5, 0.5], [np.nan] * 2, [1.0, 0.0]]), ("lv",))
    assert path.read_text() == f"{HEADER}\np2,0,lv,0.5,fraction\np2,2,lv,0.0,fraction\n"


def test_slices_that_the_table_does_not_name_are_unknown(tmp_path: Path) -> None:
    sizes = read_slice_sizes(written(tmp_path, "p2,1,lv,0.25,fraction"), ("lv",), INDEX)
    np.testing.assert_array_equal(sizes, [[np.nan] * 2] * 3 + [[0.75, 0.25], [np.nan] * 2])


def test_columns_may_be_in_any_order_with_others_blanks_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_bytes(
        b"\xef\xbb\xbfunit, value ,who,structure,case,slice\r\nfraction, 0.5 ,me,lv,p1, 1\r\n\r\n,,,,,\r\n"
    )
    assert read_slice_sizes(path, ("lv",), INDEX)[1].tolist() == [0.5, 0.5]


def test_a_sum_that_exceeds_1_by_rounding_alone_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path, "p1,0,rv,0.3333334,fraction", "p1,0,lv,0.6666667,fraction")
    assert read_slice_sizes(path, ("rv", "lv"), INDEX)[0].tolist() == [0, 0.3333334, 0.6666667]


WRONG_ROWS = {
    "elsewhere,0,lv,0.1,fraction": r"unknown case\n.*'elsewhere'\n.*known: p1, p2",
    "p1,2,lv,0.1,fraction": r"no such slice of case p1\n.*0 to 1\n.*'2'",
    "p1,-1,lv,0.1,fraction": r"no such slice of case p1\n.*0 to 1\n.*'-1'",
    "p1,1.5,lv,0.1,fraction": r"no such slice of case p1\n.*\n.*'1.5'",
    "p1,,lv,0.1,fraction": r"no such slice of case p1\n.*\n.*values of whole cases are not understood yet",
    "p1,0,vl,0.1,fraction": r"unknown structure\n.*'vl'\n.*known: lv",
    "p1,0,background,0.9,fraction": r"unknown structure\n.*'background'\n.*leave the row out",
    "p1,0,lv,-0.1,fraction": r"not a fraction\n.*from 0 to 1\n.*'-0.1'",
    "p1,0,lv,1.01,fraction": r"not a fraction\n.*\n.*'1.01'",
    "p1,0,lv,nan,fraction": r"not a fraction\n.*\n.*'nan'",
    "p1,0,lv,inf,fraction": r"not a fraction\n.*\n.*'inf'",
    "p1,0,lv,large,fraction": r"not a fraction\n.*\n.*'large'$",
    'p1,0,lv,"0,1",fraction': r"not a fraction\n.*\n.*'0,1'\n.*decimal point",
    "p1,0,lv,0,1,fraction": r"6 cells\n.*5, as in the header\n.*\n.*decimal point",
    "p1,0,lv,0.1": r"4 cells\n.*5, as in the header\n.*p1,0,lv,0.1$",
    "p1,0,lv,120,ml": r"unit not understood\n.*'fraction'.*\n.*'ml'\n.*volumes of whole cases",
}


@pytest.mark.parametrize(("row", "message"), WRONG_ROWS.items(), ids=WRONG_ROWS)
def test_a_wrong_row_is_an_error_that_names_file_line_and_remedy(tmp_path: Path, row: str, message: str) -> None:
    path = written(tmp_path, row)
    with pytest.raises(InputErrors, match=rf"{path}, line 2: {message}"):
        read_slice_sizes(path, ("lv",), INDEX)


def test_a_misspelt_name_is_told_what_was_meant(tmp_path: Path) -> None:
    path = written(tmp_path, "patient0O1,0,myocardium,0.1,fraction", "patient001,0,myocardum,0.1,fraction")
    with pytest.raises(InputErrors, match=r"did you mean 'patient001'(?s:.)*did you mean 'myocardium'"):
        read_slice_sizes(path, ("myocardium",), NEAR)


def test_a_second_value_is_an_error_that_names_both_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "p1,0,lv,0.1,fraction", "p1,1,lv,0.1,fraction", "p1,0,lv,0.2,fraction")
    with pytest.raises(InputErrors, match=r"line 4: a second value for case p1, slice 0.*\n.*0.2 here, 0.1 in line 2"):
        read_slice_sizes(path, ("lv",), INDEX)


def test_a_structure_that_a_slice_lacks_is_unknown_there_and_so_is_the_background(tmp_path: Path) -> None:
    path = written(tmp_path, "p1,0,lv,0.1,fraction", "p1,0,rv,0.2,fraction", "p2,1,lv,0.1,fraction")
    sizes = read_slice_sizes(path, ("rv", "lv"), INDEX)
    np.testing.assert_allclose(sizes[0], [0.7, 0.2, 0.1])
    np.testing.assert_array_equal(sizes[3], [np.nan, np.nan, 0.1])
    again = tmp_path / "again.csv"
    assert write_slice_sizes(again, INDEX, sizes, ("rv", "lv")) == 3
    np.testing.assert_allclose(read_slice_sizes(again, ("rv", "lv"), INDEX), sizes)


def test_structures_that_exceed_the_slice_are_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "p1,0,lv,0.6,fraction", "p1,0,rv,0.5,fraction")
    with pytest.raises(InputErrors, match=r"line 3: case p1, slice 0: the structures exceed the slice\n.*\n.*1.1"):
        read_slice_sizes(path, ("rv", "lv"), INDEX)


def test_all_that_is_wrong_is_reported_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "p9,0,lv,0.1,fraction", "p1,0,lv,0.1,fraction", "p1,0,lv", "p1,1,lv,7,fraction")
    with pytest.raises(InputErrors) as caught:
        read_slice_sizes(path, ("lv",), INDEX)
    problems = sorted(error.problem for error in caught.value.errors)
    assert [problem.split(", ", 1)[1].split(":")[0] for problem in problems] == ["line 2", "line 4", "line 5"]


WRONG_FILES = {
    b"": r"line 1: no column case, slice, structure, value, unit\n.*\n.*nothing$",
    b"case,slice,value\np1,0,0.1\n": r"line 1: no column structure, unit\n.*case,slice,structure,value,unit",
    b"case;slice;structure;value;unit\np1;0;lv;0,1;fraction\n": r"no column.*\n.*\n.*\n.*commas between columns",
    b"case,slice,structure,value,unit\n": r"has no rows\n.*\n.*header alone",
    b"case,slice,structure,value,unit\n\xff\xfe,0,lv,0.1,fraction\n": r"cannot read the size table.*\n.*UTF-8",
    b"case,slice,structure,value,unit\n" + b"p" * 200_000: r"cannot read the size table.*\n.*CSV.*\n.*field limit",
}


@pytest.mark.parametrize(("content", "message"), WRONG_FILES.items(), ids=range(len(WRONG_FILES)))
def test_a_file_that_is_no_such_table_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "sizes.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_slice_sizes(path, ("lv",), INDEX)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the size table .*absent.csv(?s:.)*No such file"):
        read_slice_sizes(tmp_path / "absent.csv", ("lv",), INDEX)
