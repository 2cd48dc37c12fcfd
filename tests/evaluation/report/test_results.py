import math

import numpy as np
import pandas as pd
import pytest

from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.report.results import blocks_of, by_column, by_position, by_size, findings
from tests.evaluation.report.made_up import made_up_metrics, made_up_slices, made_up_summary


def evaluated(metrics=None, **changes):
    metrics = made_up_metrics(6, ("lv", "rv"), 0.9, 0) if metrics is None else metrics
    metrics = metrics.assign(**changes)
    return Evaluated("made", None, None, metrics, made_up_slices(metrics), made_up_summary(metrics))


def test_dice_slice_is_over_slices_and_the_rest_over_cases():
    found = evaluated()
    (block,) = blocks_of(found)
    lv = found.slices[found.slices["structure"] == "lv"]
    assert (block.cases, block.patients) == (12, 6)
    assert block.figures["lv"]["dice_slice"].mean == pytest.approx(lv["dice_slice"].mean())
    assert block.figures["lv"]["dice_slice"].cases == 12 * 10
    assert block.figures["lv"]["dice_scan"].cases == 12


def test_thirds_hold_every_case_once_with_the_absent_ones_apart():
    metrics = made_up_metrics(6, ("lv",), 0.9, 0)
    metrics["volume_true_ml"] = [0.0, 0.0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    parts = by_size(evaluated(metrics))
    assert [part.figures["dice_scan"].cases for part in parts] == [4, 3, 3, 2]
    assert [part.name for part in parts] == [
        "small: up to 40 mL", "medium: 40 to 70 mL", "large: above 70 mL", "not in the reference"
    ]  # fmt: skip


def test_too_few_cases_make_no_thirds():
    assert by_size(evaluated(made_up_metrics(2, ("lv",), 0.9, 0))) == []


def test_what_all_cases_share_divides_nothing():
    assert by_column(evaluated(pathology="DCM"), "pathology") == []
    assert [part.name for part in by_column(evaluated(), "phase")] == ["ED", "ES"] * 2


def test_cases_of_no_known_group_are_named_so():
    metrics = made_up_metrics(4, ("lv",), 0.9, 0)
    metrics.loc[:1, "pathology"] = ""
    assert by_column(evaluated(metrics), "pathology")[0].name == "not known"


def test_missed_and_invented_slices_are_counted_where_they_lie():
    found = evaluated(made_up_metrics(2, ("lv",), 0.9, 0))
    found.slices.loc[found.slices["slice"] == 9, "voxels_predicted"] = 5  # outside
    found.slices.loc[(found.slices["slice"] == 1) & (found.slices["case"] == "patient000_ED"), "voxels_predicted"] = 0
    counts = {part.name: (part.missed, part.invented) for part in by_position(found)}
    assert counts == {"base": (1, 0), "mid": (0, 0), "apex": (0, 0), "outside": (0, 4)}


def test_failures_and_figures_that_are_not_finite_are_found_by_name():
    metrics = made_up_metrics(2, ("lv",), 0.9, 0)
    metrics.loc[0, "failure"] = "no such file"
    metrics.loc[0, "hd95_mm"] = math.inf
    metrics.loc[[1, 2], "precision"] = np.nan
    assert [(row.what, row.about, row.cases) for row in findings(evaluated(metrics))] == [
        ("failed", "no such file", ("patient000_ED",)),
        ("undefined", "precision", ("patient000_ES", "patient001_ED")),
        ("infinite", "hd95_mm", ("patient000_ED",)),
    ]


def test_an_evaluation_without_cases_has_no_figures():
    empty = made_up_metrics(1, ("lv",), 0.9, 0)[:0]
    assert blocks_of(Evaluated("empty", None, None, empty, pd.DataFrame(), {})) == []
