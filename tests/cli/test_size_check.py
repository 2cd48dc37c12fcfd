import json
from pathlib import Path

from tests.cli.command import medsize

HEADER = "case,frame,structure,value,unit,rater"


def written(*rows: str) -> Path:
    path = Path("sizes.csv")
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_a_good_table_passes(tiny_acdc: Path):
    outcome = medsize("sizes", "check", written("patient001,1,lv,0.3,ml,Anna"), "--data", tiny_acdc)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert "1 sizes, 0 blank rows, 20 cases in the data, raters: Anna: 0 errors, 0 warnings" in outcome.stdout


def test_everything_wrong_is_in_one_table_and_the_exit_code_is_1(tiny_acdc: Path):
    table = written(
        "patient99,1,lv,1,ml,", "patient001,1,liver,1,ml,", "patient001,9,lv,7 gallons,,", "patient001,1,lv,900,ml,"
    )
    outcome = medsize("sizes", "check", table, "--data", tiny_acdc)
    assert outcome.code == 1
    for message in ("unknown case", "unknown structure", "unknown unit", "bigger than the whole image", "4 errors"):
        assert message in outcome.stdout


def test_warnings_do_not_fail(tiny_acdc: Path):
    outcome = medsize(
        "sizes", "check", written("patient001,1,lv,1,ml,A", "patient001,1,lv,3,ml,B"), "--data", tiny_acdc
    )
    assert outcome.code == 0
    assert "raters disagree" in outcome.stdout


def test_json_has_the_same(tiny_acdc: Path):
    table = written("patient99,1,lv,1,ml,", "patient001,1,lv,1,ml,")
    outcome = medsize("sizes", "check", table, "--data", "acdc", "--data-root", tiny_acdc, "--json")
    assert outcome.code == 1
    found = json.loads(outcome.stdout)
    assert [error["row"] for error in found["errors"]] == [2]
    assert found["warnings"] == []
    assert found["structures"]["lv"]["share"] == 0.05
    assert found["structures"]["lv"]["median_spread"] is None
