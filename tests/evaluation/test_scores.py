import math

import numpy as np
import pandas as pd
import pytest

from medsize.evaluation.scores import aggregate, score_case


def rows(dice, slices=None, dice_slice=None):
    count = len(dice)
    return pd.DataFrame(
        {
            "case": [f"c{number}" for number in range(count)],
            "dice_scan": dice,
            "dice_slice": dice_slice or [0.5] * count,
            "slices": slices or [4] * count,
        }
    )


def test_a_case_is_scored_structure_by_structure():
    prediction = np.zeros((4, 4, 2), np.uint8)
    reference = np.zeros((4, 4, 2), np.uint8)
    prediction[0, :3, 0], reference[0, 1:, 0] = 1, 1  # three each, two shared
    reference[3, 3, 1] = 2
    a, b, c = score_case(prediction, reference, ("a", "b", "c"), voxel_ml=0.5)
    assert (a.structure, a.voxels_predicted, a.voxels_true, a.voxels_overlap, a.voxels) == ("a", 3, 3, 2, 32)
    assert a.dice_scan == pytest.approx(2 / 3)
    assert a.dice_slice == pytest.approx((2 / 3 + 1) / 2)
    assert (a.volume_predicted_ml, a.volume_true_ml, a.slices) == (1.5, 1.5, 2)
    assert (b.dice_scan, b.dice_slice, b.volume_predicted_ml, b.volume_true_ml) == (0, 0.5, 0, 0.5)
    assert math.isnan(c.dice_scan)
    assert c.dice_slice == 1


def test_undefined_cases_are_named_and_enter_no_mean():
    figures = aggregate(rows([0.5, math.nan, 0.9, 0.7]))
    assert figures.cases == 4
    assert figures.undefined == ("c1",)
    assert figures.mean == pytest.approx(0.7)
    assert figures.median == pytest.approx(0.7)
    assert (figures.q25, figures.q75) == pytest.approx((0.6, 0.8))
    assert figures.worst == 0.5


def test_figures_are_none_where_every_case_is_undefined():
    figures = aggregate(rows([math.nan, math.nan]))
    assert (figures.mean, figures.median, figures.q25, figures.q75, figures.worst) == (None,) * 5
    assert len(figures.undefined) == 2


def test_dice_slice_counts_every_slice_alike():
    figures = aggregate(rows([0.5, 0.5], slices=[1, 9], dice_slice=[0.0, 1.0]))
    assert figures.dice_slice == pytest.approx(0.9)
