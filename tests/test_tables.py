from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.errors import InputError
from medsize.tables import read_table, table_text, write_table

CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ["NA", "nan", "None", "", "=1+1", "'=1", "''=1", "-5", "-x", "+1", "@a", "'", "1e5", '"', "a,b", "null", "inf"]
)


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_texts_are_read_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, cells: list[str]):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    write_table(path, pd.DataFrame({"case": cells, "n": range(len(cells))}))
    table = read_table(path, texts=["case"])
    assert table["case"].to_list() == cells
    assert table["n"].to_list() == list(range(len(cells)))


def test_numbers_are_numbers_and_what_is_blank_is_none(tmp_path: Path):
    table = pd.DataFrame({"case": ["NA", "b"], "dice": [np.nan, -0.5], "frame": pd.array([None, 3], "Int64")})
    write_table(tmp_path / "a.csv", table)
    back = read_table(tmp_path / "a.csv", texts=["case"], types={"frame": "Int64"})
    pd.testing.assert_frame_equal(back, table, check_dtype=False)


def test_a_text_that_may_be_absent_is_a_text_where_it_is(tmp_path: Path):
    write_table(tmp_path / "a.csv", pd.DataFrame({"case": ["a", "b"], "unit": ["nan", "=mL"]}))
    assert read_table(tmp_path / "a.csv", texts=["case"], further_texts=["unit"])["unit"].to_list() == ["nan", "=mL"]
    assert "raters" not in read_table(tmp_path / "a.csv", texts=["case"], further_texts=["raters"])


def test_a_spreadsheet_calculates_no_text():
    text = table_text(pd.DataFrame({"case": ["=HYPERLINK(1)", "@x", "+x", "-x", "-5", "x"], "n": [-1.0] * 6}))
    assert text == "case,n\n'=HYPERLINK(1),-1.0\n'@x,-1.0\n'+x,-1.0\n'-x,-1.0\n-5,-1.0\nx,-1.0\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"a,b\n1,2\n", "no column case"),
        (b'case\n"x', "unexpected end of data"),
        (b"case,n\nx,y,z,1\n", "line 2 has more cells than the header"),
        (b"case,n\nx,1\ny\n", "line 3 has fewer cells than the header"),
        (b"case,n\nx,12\ny,1", "its last line has no end"),
        (b"PK\x03\x04\x00\x00", "no text"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, content: bytes, found: str):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=found):
        read_table(tmp_path / "a.csv", texts=["case"])
