import json
import math
from pathlib import Path

import pandas as pd
import pytest

from medsize.errors import InputError
from medsize.evaluation.rules import RULES
from medsize.evaluation.scores import COLUMNS, SLICE_COLUMNS
from medsize.evaluation.seal import write_seal
from medsize.evaluation.summary import Files, read_summary, summarise
from medsize.metrics.measures import MEASURES

VALUES = {"lv": 3, "rv": 1}
FILES = {
    (checkpoint, case): Files(Path(f"{checkpoint}/{case}.nii.gz"), Path(f"{case}_gt.nii"), Path(f"{case}.nii"))
    for checkpoint in ("last", "best", "best_tta_crf", "last_tta_crf", "predictions")
    for case in "ab"
}


def row(checkpoint, case, structure, predicted, true, overlap, *, split="val", failure="", hd95_mm=2.0):
    union = predicted + true - overlap
    return dict.fromkeys(COLUMNS, 0.5) | {
        "checkpoint": checkpoint, "split": split, "case": case, "group": f"p{case}", "structure": structure,
        "dice_scan": 2 * overlap / (predicted + true) if union else math.nan,
        "jaccard": overlap / union if union else math.nan,
        "hd95_mm": hd95_mm if union else math.nan,
        "voxels_predicted": predicted, "voxels_true": true, "voxels_overlap": overlap, "voxels": 100,
        "failure": failure,
    }  # fmt: skip


METRICS = pd.DataFrame(
    [
        row("best", "a", "lv", 10, 10, 9),
        row("last", "a", "lv", 8, 12, 5),
        row("last", "a", "rv", 0, 0, 0),
        row("last", "b", "lv", 10, 10, 10),
        row("last", "b", "rv", 0, 2, 0, hd95_mm=math.inf, failure="no prediction"),
    ]
)
SLICES = pd.DataFrame(
    [
        {"checkpoint": "last", "split": "val", "case": case, "structure": "lv", "slice": number, "dice_slice": dice}
        for case, dices in (("a", (0.0,)), ("b", (1.0, 1.0, 1.0)))
        for number, dice in enumerate(dices)
    ],
    columns=list(SLICE_COLUMNS),
)


@pytest.fixture
def summary():
    return summarise(METRICS, SLICES, FILES, VALUES, {"lv": 1.5})


def test_a_case_has_nnunets_counts_and_our_measures_under_the_labels_own_value(summary):
    case = summary["metric_per_case"][0]
    assert (case["prediction_file"], case["reference_file"], case["image_file"]) == (
        str(Path("last/a.nii.gz")), "a_gt.nii", "a.nii",
    )  # fmt: skip
    figures = case["metrics"]["3"]
    assert {key: figures[key] for key in ("Dice", "IoU", "TP", "FP", "FN", "TN", "n_pred", "n_ref")} == {
        "Dice": 0.5, "IoU": 5 / 15, "TP": 5, "FP": 3, "FN": 7, "TN": 85, "n_pred": 8, "n_ref": 12,
    }  # fmt: skip
    assert set(MEASURES) - set(figures) == {"dice_scan", "jaccard"}


def test_undefined_figures_are_null_are_listed_and_enter_no_mean(summary):
    assert summary["metric_per_case"][0]["metrics"]["1"]["Dice"] is None
    assert summary["mean"]["1"]["Dice"] == 0
    dice = summary["aggregates"]["rv"]["measures"]["dice_scan"]
    assert (dice["undefined"], dice["undefined_cases"], dice["mean"]) == (1, ["a"], 0)


def test_infinite_figures_are_a_text_are_listed_and_make_the_mean_infinite(summary):
    distance = summary["aggregates"]["rv"]["measures"]["hd95_mm"]
    assert (distance["infinite"], distance["infinite_cases"], distance["mean"]) == (1, ["b"], "inf")
    assert distance["mean_of_finite"] is None
    assert summary["mean"]["1"]["hd95_mm"] == "inf"
    assert float(summary["metric_per_case"][1]["metrics"]["1"]["hd95_mm"]) == math.inf


def test_failures_are_listed_with_their_reason_and_with_their_structure(summary):
    assert summary["failures"] == [{"checkpoint": "last", "case": "b", "reason": "no prediction"}]
    assert summary["aggregates"]["rv"]["failed_cases"] == ["b"]
    assert summary["aggregates"]["lv"]["failed_cases"] == []


def test_means_are_over_cases_and_the_foreground_mean_over_structures(summary):
    assert summary["mean"]["3"]["Dice"] == pytest.approx(0.75)
    assert summary["mean"]["3"]["TP"] == pytest.approx(7.5)
    assert summary["foreground_mean"]["Dice"] == pytest.approx((0.75 + 0) / 2)


def test_dice_slice_is_averaged_over_slices_and_the_rest_over_cases(summary):
    measures = summary["aggregates"]["lv"]["measures"]
    assert (measures["dice_slice"]["cases"], measures["dice_slice"]["mean"]) == (4, 0.75)
    assert (measures["dice_scan"]["cases"], summary["aggregates"]["lv"]["groups"]) == (2, 2)


def test_the_headline_is_the_last_checkpoint_and_best_is_said_to_be_chosen(summary):
    assert (summary["checkpoint"], summary["chosen_on_these_cases"]) == ("last", False)
    (best,) = summary["others"]
    assert (best["checkpoint"], best["chosen_on_these_cases"]) == ("best", True)


def test_a_variant_of_best_was_chosen_on_these_cases_too():
    metrics = METRICS.assign(checkpoint=METRICS["checkpoint"] + "_tta_crf")
    found = summarise(metrics, SLICES, FILES, VALUES, {})
    chosen = {block["checkpoint"]: block["chosen_on_these_cases"] for block in (found, *found["others"])}
    assert chosen == {"best_tta_crf": True, "last_tta_crf": False}


def test_test_cases_come_before_validation_cases_and_choose_nothing():
    test = pd.DataFrame([row(name, "b", "lv", 10, 10, 1, split="test") for name in ("last", "best")])
    found = summarise(pd.concat([METRICS, test]), SLICES, FILES, VALUES, {})
    blocks = [found, *found["others"]]
    order = [(block["checkpoint"], block["split"]) for block in blocks]
    assert order == [("last", "test"), ("last", "val"), ("best", "test"), ("best", "val")]
    assert [block["chosen_on_these_cases"] for block in blocks] == [False, False, False, True]


def test_rules_structures_tolerances_and_the_draws_stand_beside_the_figures(summary):
    assert summary["rules"] == RULES
    assert summary["structures"] == VALUES
    assert (summary["nsd_tolerance_mm"], summary["nsd_left_out"]) == ({"lv": 1.5}, ["rv"])
    assert summary["bootstrap"] == {"of": "group", "coverage": 0.95, "resamples": 2000, "seed": 0}


def test_without_any_evaluated_case_there_are_no_figures():
    found = summarise(METRICS[:0], SLICES[:0], {}, VALUES, {})
    assert found["metric_per_case"] == found["others"] == found["failures"] == []


def test_a_summary_is_plain_json_and_is_read_back(summary, tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary, allow_nan=False))
    write_seal(tmp_path, [path])
    assert read_summary(tmp_path) == summary


@pytest.mark.parametrize("content", [None, "{}", "{half"])
def test_a_missing_or_exchanged_summary_says_to_evaluate(tmp_path, content):
    path = tmp_path / "summary.json"
    if content:
        path.write_text("{}\n")
        write_seal(tmp_path, [path])
        path.write_text(content)
    with pytest.raises(InputError, match="medsize evaluate"):
        read_summary(tmp_path)


@pytest.mark.parametrize("content", ["{half", "[]", "3"])
def test_a_summary_that_is_none_is_refused_whoever_wrote_it(tmp_path, content):
    path = tmp_path / "summary.json"
    path.write_text(content)
    write_seal(tmp_path, [path])
    with pytest.raises(InputError, match=r"summary\.json"):
        read_summary(tmp_path)
