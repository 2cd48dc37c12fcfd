import numpy as np
import pandas as pd
import pytest

from medsize.errors import InputError
from medsize.inference.origin import Origin
from medsize.inference.volumes_table import VolumesTable

ORIGIN = Origin("run", "last", "", "0123456789012345", "12e4567890123456", "00", "=1")
LABEL = np.array([0, 3, 3], np.uint8)


@pytest.fixture
def table(tmp_path) -> VolumesTable:
    made = VolumesTable.read(tmp_path / "volumes.csv")
    for name in ("b", "NA", "=a"):
        made.add(name, [LABEL], 0.5, {"NA": 3}, ORIGIN)
    made.write()
    return made


def files(path) -> list[str]:
    return pd.read_csv(path, keep_default_na=False)["file"].to_list()


def test_what_is_written_is_read_again_whatever_it_looks_like(table):
    again = VolumesTable.read(table.path)
    assert {again.origin(name) for name in ("b", "NA", "=a")} == {ORIGIN}
    assert again.origin("c") is None
    text = table.path.read_text("utf-8")
    again.add("c", [LABEL, LABEL[:2]], 0.5, {"lv": 3}, ORIGIN)
    again.write()
    rows = "".join(
        f"c,{frame},lv,{volume},run,last,,0123456789012345,12e4567890123456,00,'=1\n"
        for frame, volume in ((1, "1.000000"), (2, "0.500000"))
    )
    assert table.path.read_text("utf-8") == text + rows


def test_rows_that_are_withdrawn_leave_the_file_at_once(table):
    table.withdraw(["b", "c"])
    assert files(table.path) == ["'=a", "NA"]
    assert table.origin("b") is None


def test_rows_of_what_was_not_replaced_come_back_and_others_do_not(table):
    table.withdraw(["b", "NA", "=a"])
    assert files(table.path) == []
    table.add("b", [LABEL], 1.0, {"lv": 3}, ORIGIN)
    table.give_back(but=["=a"])
    table.write()
    rows = pd.read_csv(table.path, keep_default_na=False)
    assert rows["file"].to_list() == ["NA", "b"]
    assert rows["volume_ml"].to_list() == [1.0, 2.0]


def test_nothing_is_written_where_nothing_changed(table):
    table.path.unlink()
    table.withdraw(["c"])
    table.give_back(but=[])
    table.write()
    assert not table.path.exists()


def test_a_table_of_an_earlier_version_has_no_origins(tmp_path):
    (tmp_path / "volumes.csv").write_text("file,frame,structure,volume_ml\nNA,2,lv,3\nb,,lv,\n")
    table = VolumesTable.read(tmp_path / "volumes.csv")
    assert table.origin("NA") == Origin()
    table.add("c", [LABEL], 0.5, {"lv": 3}, ORIGIN)
    table.write()
    lines = (tmp_path / "volumes.csv").read_text().splitlines()
    assert lines[1:3] == ["NA,2,lv,3.000000,,,,,,,", "b,,lv,,,,,,,,"]


@pytest.mark.parametrize(
    "content",
    [
        "day,weather\n1,rain\n",
        "",
        "file,frame,structure,volume_ml\nx,one,lv,3\n",
        "file,frame,structure,volume_ml\n1,1,a,b\n",
    ],
)
def test_a_foreign_table_is_in_the_way(tmp_path, content):
    (tmp_path / "volumes.csv").write_text(content)
    with pytest.raises(InputError, match=r"volumes\.csv is in the way"):
        VolumesTable.read(tmp_path / "volumes.csv")
