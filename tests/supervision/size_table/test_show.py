import json

import pytest

from medsize.supervision.size_table.check import Check, Coverage, Finding
from medsize.supervision.size_table.show import check_as_json, show_check

COVERED = Coverage(3, 4, 0.25, 1, 2, 2, 0.1, 0.333)


def check(findings: int) -> Check:
    wrong = [Finding("error", row, "[red]p1: lv", "bigger than [the] image") for row in range(2, findings + 2)]
    return Check([*wrong, Finding("warning", None, "", "odd")], {"lv": COVERED}, {"": 2, "Anna": 3}, 5, 1)


def test_findings_and_coverage_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show_check(check(1), 12)
    said = capsys.readouterr().out
    for text in ("[red]p1: lv", "bigger than [the] image", "odd", "25%", "33%"):
        assert text in said
    assert "5 sizes, 1 blank rows, 12 cases in the data, raters: Anna: 1 error, 1 warning" in said


def test_of_very_many_findings_some_are_printed_and_the_rest_counted(capsys: pytest.CaptureFixture[str]) -> None:
    show_check(check(300), 12)
    said = capsys.readouterr().out
    assert said.count("bigger than") == 200
    assert "and 101 more; --json lists all" in said


def test_json_has_every_finding() -> None:
    found = json.loads(check_as_json(check(300)))
    assert len(found["errors"]) == 300
    assert found["structures"]["lv"]["several_raters"] == 2
    assert found["raters"] == {"": 2, "Anna": 3}


def test_what_would_act_on_the_terminal_is_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    red = "\x1b[31mp1"
    show_check(Check([Finding("error", 2, red, red)], {red: COVERED}, {red: 1}, 1, 0), 12)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert r"\x1b[31mp1" in said
