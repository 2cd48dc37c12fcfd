import json
import math
import re

import pandas as pd
import pytest

from medsize.errors import InputError
from medsize.evaluation.compare import Comparison, compare
from medsize.evaluation.report import spread_figure, write_comparison
from tests.evaluation.edited import edit_table
from tests.evaluation.report.made_up import write_evaluation
from tests.evaluation.report.pages import Page


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Comparison, Page, str]:
    folder = tmp_path_factory.mktemp("runs")
    runs = [
        write_evaluation(folder / name, patients=5, quality=quality, seed=seed, structures=("lv", "rv"))
        for seed, (name, quality) in enumerate({"first": 0.8, "second": 0.9, "<b>third</b>": 0.7}.items())
        if "/" not in name
    ]
    third = write_evaluation(folder / "<b>third", patients=4, quality=0.7, seed=9, structures=("lv", "rv"))
    comparison = compare([*runs, third])
    text = write_comparison(comparison, folder / "out").read_text(encoding="utf-8")
    return comparison, Page(text), text


def test_the_tables_beside_the_page_hold_the_same_differences(written, tmp_path):
    comparison, _, _ = written
    write_comparison(comparison, tmp_path)
    table = pd.read_csv(tmp_path / "comparison.csv")
    pd.testing.assert_frame_equal(table, comparison.differences)
    record = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert len(record["differences"]) == len(table)
    assert record["differences"][0]["p"] == pytest.approx(table["p"][0])
    assert record["left_out"] == {name: ["patient004_ED", "patient004_ES"] for name in ("first", "second")}


def test_every_run_stands_beside_the_others_in_a_figure_a_structure(written):
    _, page, text = written
    assert len(re.findall('<svg class="figure"', text)) == 3 * 2  # Dice, HD95 and volume error of two structures
    assert {"side", "differences", "settings", "table", "fairness"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_has_each_difference_with_interval_and_p(written):
    comparison, page, _ = written
    rows = page.table("run − other")
    assert len(rows) == len(comparison.differences)
    first = comparison.differences.iloc[0]
    assert rows[0][:3] == ["dice_scan", "lv", "second − first"]
    assert rows[0][3] == f"{first['mean_difference']:+.3f}"
    assert rows[0][6:8] == [f"{first['p']:.3f}", f"{first['p_holm']:.3f}"]


def test_cases_are_listed_most_different_first(written):
    _, page, _ = written
    table = page.table("<b>third")
    assert len(table) == 2 * 8
    ranges = [max(dice) - min(dice) for dice in ([float(cell) for cell in row[2:]] for row in table if len(row) == 5)]
    assert ranges == sorted(ranges, reverse=True)


def test_the_page_warns_asks_for_nothing_and_takes_no_name_for_markup(written):
    _, page, text = written
    assert "too few: even if all of them differed the same way" in page.text
    assert "Left out, for not all runs have them: 2 of first (patient004_ED, patient004_ES)." in page.text
    assert not re.findall(r"(?:https?:)?//[a-z]", text)
    assert "<b>third" not in text


def test_undefined_and_infinite_figures_can_be_shown(tmp_path, monkeypatch):
    runs = [write_evaluation(tmp_path / name, patients=3, structures=("lv",)) for name in "ab"]
    edit_table(
        runs[0] / "metrics.csv",
        lambda metrics: metrics.assign(hd95_mm=math.inf, dice_scan=metrics["dice_scan"].where(metrics.index > 0)),
    )
    page = Page(write_comparison(compare(runs), tmp_path / "out").read_text(encoding="utf-8"))
    assert page.table("case")[0][:2] == ["patient000_ED", "undefined"]
    record = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    (found,) = (row for row in record["statistics"] if row["run"] == "a" and row["measure"] == "hd95_mm")
    assert (found["mean"], found["mean_of_finite"], found["infinite"]) == ("inf", None, 6)


def test_a_measure_that_is_infinite_everywhere_has_no_figure(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(spread_figure, "to_svg", lambda figure, *, name, description: drawn.append(name) or "")
    runs = [write_evaluation(tmp_path / name, patients=2, structures=("lv",)) for name in "ab"]
    for run in runs:
        edit_table(run / "metrics.csv", lambda metrics: metrics.assign(hd95_mm=math.inf))
    write_comparison(compare(runs), tmp_path / "out")
    assert drawn == ["dice-scan-0", "volume-error-percent-0"]


def test_a_place_that_cannot_be_written_to_is_named(written, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_comparison(written[0], tmp_path / "file" / "out")
