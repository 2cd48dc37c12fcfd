from pathlib import Path

from medsize.supervision.size_table import parse_size_table
from tests.cli.command import medsize


def test_a_template_of_whole_cases(tiny_acdc: Path):
    outcome = medsize("sizes", "template", tiny_acdc, "-o", "sizes.csv", "--structure", "all")
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, "sizes.csv: 60 rows to fill in\n", "")
    assert Path("sizes.csv").read_text("utf-8").splitlines()[1] == "patient001,1,ED,,rv,,,,ml,,,"
    assert Path("sizes-instructions.txt").is_file()


def test_a_template_of_slices_for_european_excel(tiny_acdc: Path):
    outcome = medsize(
        "sizes", "template", "acdc", "--data-root", tiny_acdc, "--per", "slice", "--separator", ";", "-o", "s.csv"
    )
    assert outcome.code == 0, outcome.stderr
    assert Path("s.csv").read_text(encoding="utf-8-sig").splitlines()[1] == "patient001;1;ED;0;lv;;;;percent;;;"
    assert parse_size_table(Path("s.csv")).blank == 60


def test_a_template_for_excel(tiny_acdc: Path):
    assert medsize("sizes", "template", tiny_acdc, "-o", "sizes.xlsx").code == 0
    assert parse_size_table(Path("sizes.xlsx")).blank == 20


def test_a_template_overwrites_nothing(tiny_acdc: Path):
    Path("sizes.csv").write_text("mine")
    outcome = medsize("sizes", "template", tiny_acdc, "-o", "sizes.csv")
    assert outcome.code == 1
    assert "sizes.csv is there already" in outcome.said
    assert Path("sizes.csv").read_text("utf-8") == "mine"


def test_wrong_options_are_told(tiny_acdc: Path):
    assert medsize("sizes", "template", tiny_acdc, "-o", "s.csv", "--separator", "x").code == 2
    outcome = medsize("sizes", "template", tiny_acdc, "-o", "s.csv", "--unit", "stones")
    assert outcome.code == 1
    assert "unknown unit" in outcome.said
