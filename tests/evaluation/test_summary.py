import json
from pathlib import Path

import pandas as pd
import pytest

from medsize.config.data import PaperSplit
from medsize.data.case import Case
from medsize.errors import InputError
from medsize.evaluation.dice import RULES
from medsize.evaluation.scores import COLUMNS
from medsize.evaluation.summary import read_summary, summarise
from medsize.run_folder import RunFolder

RUN = RunFolder(Path("/runs/r"))
VALUES = {"lv": 3, "rv": 1}
CASES = [
    Case(id="t", group="p0", image=Path("t.nii"), label=Path("t_gt.nii"), split="train"),
    Case(id="a", group="p0", image=Path("a.nii"), label=Path("a_gt.nii"), split="val"),
    Case(id="b", group="p1", image=Path("b.nii"), label=Path("b_gt.nii"), split="val"),
    Case(id="c", group="p2", image=Path("c.nii"), split="val"),
]


def row(checkpoint, case, structure, predicted, true, overlap, split="val"):
    total = predicted + true
    dice = 2 * overlap / total if total else float("nan")
    values = (checkpoint, split, case, "g", "", "", structure, dice, 0.5, 4, 1.0, 1.0, predicted, true, overlap, 100)
    return dict(zip(COLUMNS, values, strict=True))


METRICS = pd.DataFrame(
    [
        row("best", "a", "lv", 10, 10, 9),
        row("last", "a", "lv", 8, 12, 5),
        row("last", "a", "rv", 0, 0, 0),
        row("last", "b", "lv", 10, 10, 10),
        row("last", "b", "rv", 4, 2, 1),
    ]
)


@pytest.fixture
def summary():
    return summarise(METRICS, RUN, CASES, PaperSplit(name="paper"), VALUES)


def test_a_case_has_nnunets_counts_under_the_labels_own_value(summary):
    case = summary["metric_per_case"][0]
    assert case["prediction_file"] == "/runs/r/predictions/last/a.nii.gz"
    assert case["reference_file"] == "a_gt.nii"
    assert case["metrics"]["3"] == {
        "Dice": 0.5, "IoU": 5 / 15, "TP": 5, "FP": 3, "FN": 7, "TN": 85, "n_pred": 8, "n_ref": 12,
    }  # fmt: skip


def test_undefined_figures_are_null_and_enter_no_mean(summary):
    assert summary["metric_per_case"][0]["metrics"]["1"]["Dice"] is None
    assert summary["metric_per_case"][0]["metrics"]["1"]["IoU"] is None
    assert summary["mean"]["1"]["Dice"] == pytest.approx(1 / 3)
    assert summary["aggregates"]["rv"]["undefined"] == ("a",)


def test_means_are_over_cases_and_the_foreground_mean_over_structures(summary):
    assert summary["mean"]["3"]["Dice"] == pytest.approx(0.75)
    assert summary["mean"]["3"]["TP"] == pytest.approx(7.5)
    assert summary["foreground_mean"]["Dice"] == pytest.approx((0.75 + 1 / 3) / 2)


def test_the_headline_is_the_last_checkpoint_and_best_is_said_to_be_chosen(summary):
    assert (summary["checkpoint"], summary["chosen_on_these_cases"]) == ("last", False)
    (best,) = summary["others"]
    assert (best["checkpoint"], best["chosen_on_these_cases"]) == ("best", True)
    assert best["aggregates"]["lv"]["mean"] == pytest.approx(0.9)


def test_a_refined_best_was_chosen_on_these_cases_too():
    metrics = METRICS.assign(checkpoint=METRICS["checkpoint"] + "_crf")
    summary = summarise(metrics, RUN, CASES, PaperSplit(name="paper"), VALUES)
    chosen = {block["checkpoint"]: block["chosen_on_these_cases"] for block in (summary, *summary["others"])}
    assert chosen == {"best_crf": True, "last_crf": False}


def test_test_cases_come_before_validation_cases_and_choose_nothing():
    test = pd.DataFrame([row(name, "b", "lv", 10, 10, 1, split="test") for name in ("last", "best")])
    summary = summarise(pd.concat([METRICS, test]), RUN, CASES, PaperSplit(name="paper"), VALUES)
    blocks = [summary, *summary["others"]]
    order = [(block["checkpoint"], block["split"]) for block in blocks]
    assert order == [("last", "test"), ("last", "val"), ("best", "test"), ("best", "val")]
    assert [block["chosen_on_these_cases"] for block in blocks] == [False, False, False, True]


def test_rules_split_leaks_and_cases_without_label_stand_beside_the_figures(summary):
    assert summary["rules"] == RULES
    assert summary["data_split"] == {"name": "paper"}
    assert summary["leaks"] == ["p0"]
    assert summary["unevaluated"] == ["c"]
    assert summary["structures"] == VALUES


def test_without_any_evaluated_case_there_are_no_figures():
    summary = summarise(METRICS[:0], RUN, CASES, PaperSplit(name="paper"), VALUES)
    assert summary["metric_per_case"] == summary["others"] == []


def test_a_summary_is_plain_json_and_is_read_back(summary, tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary, allow_nan=False))
    assert read_summary(path)["mean"] == summary["mean"]


@pytest.mark.parametrize("content", [None, "{half"])
def test_a_missing_or_damaged_summary_says_to_evaluate(tmp_path, content):
    path = tmp_path / "summary.json"
    if content:
        path.write_text(content)
    with pytest.raises(InputError, match="medsize evaluate"):
        read_summary(path)
