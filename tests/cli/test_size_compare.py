import json
from pathlib import Path

from tests.cli.command import medsize


def written(name: str, *rows: str) -> Path:
    path = Path(name)
    path.write_text("\n".join(["case,structure,value,unit", *rows]) + "\n")
    return path


def test_two_tables_are_compared_on_the_terminal_and_in_a_figure():
    given, exact = (
        written("a.csv", "p1,lv,110,ml", "p2,lv,80,ml"),
        written("b.csv", "p1,lv,100,ml", "p2,lv,100,ml", "p3,lv,1,ml"),
    )
    outcome = medsize("sizes", "compare", given, exact, "--figure", "f.svg")
    assert (outcome.code, outcome.stderr) == (0, "")
    assert "15.0%" in outcome.stdout
    assert "-20% ████" in outcome.stdout
    assert "left out: 1 only in the second" in outcome.stdout
    assert Path("f.svg").is_file()


def test_json_has_the_same():
    given, exact = written("a.csv", "p1,lv,110,ml"), written("b.csv", "p1,lv,100000,mm3")
    found = json.loads(medsize("sizes", "compare", given, exact, "--json").stdout)
    assert found["rows"][0]["structure"] == "lv"
    assert round(found["rows"][0]["mean_relative_error"], 9) == 0.1
    assert found["incomparable"] == 0


def test_the_data_relates_units(tiny_acdc: Path):
    case = "patient001_frame01"
    given, exact = written("a.csv", f"{case},lv,1,percent"), written("b.csv", f"{case.upper()},LV,0.55296,ml")
    assert medsize("sizes", "compare", given, exact, "--data", tiny_acdc).code == 0
    outcome = medsize("sizes", "compare", given, exact, "--data", tiny_acdc, "--json")
    assert abs(json.loads(outcome.stdout)["rows"][0]["mean_relative_error"]) < 1e-9
    assert medsize("sizes", "compare", given, exact).code == 1


def test_names_that_the_data_does_not_have_are_errors(tiny_acdc: Path):
    given = written("a.csv", "p1,lv,1,percent", "patient001_frame01,liver,1,ml")
    outcome = medsize("sizes", "compare", given, given, "--data", tiny_acdc)
    assert outcome.code == 1
    assert "row 2: unknown case" in outcome.said
    assert "row 3: unknown structure" in outcome.said


def test_a_table_is_summed_up(tiny_acdc: Path):
    table = written("a.csv", "patient001_frame01,lv,50,percent", "patient002_frame01,lv,27.648,ml")
    alone = medsize("sizes", "summary", table)
    assert (alone.code, alone.stderr) == (0, "")
    assert "percent" in alone.stdout
    assert "27.65" in alone.stdout
    found = json.loads(medsize("sizes", "summary", table, "--data", tiny_acdc, "--json").stdout)
    assert [(line["phase"], line["unit"], line["items"]) for line in found] == [("ED", "mL", 2)]
    assert found[0]["seconds"] is None
