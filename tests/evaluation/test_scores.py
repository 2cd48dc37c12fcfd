import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medsize.evaluation.scores import POSITIONS, score_case
from medsize.metrics.dice import dice_scan, dice_slice
from tests.metrics.deepmind import deepmind

SPACING = (1.5, 1.25, 8.0)
labels = arrays(np.uint8, (5, 4, 6), elements=st.integers(0, 3))


def score(prediction, reference, values, **tolerances_mm):
    return score_case(prediction, reference, values, spacing_mm=SPACING, voxel_ml=0.5, tolerances_mm=tolerances_mm)


def test_a_case_is_scored_structure_by_structure():
    prediction = np.zeros((4, 4, 2), np.uint8)
    reference = np.zeros((4, 4, 2), np.uint8)
    prediction[0, :3, 0], reference[0, 1:, 0] = 7, 7  # three each, two shared
    reference[3, 3, 1] = 2
    a, b, c = score(prediction, reference, {"a": 7, "b": 2, "c": 3}, a=2, b=2, c=2).structures
    assert [a[f"voxels_{name}"] for name in ("predicted", "true", "overlap")] == [3, 3, 2]
    assert (a["structure"], a["voxels"]) == ("a", 32)
    assert a["dice_scan"] == pytest.approx(2 / 3)
    assert a["dice_slice"] == pytest.approx((2 / 3 + 1) / 2)
    assert (a["volume_predicted_ml"], a["volume_true_ml"], a["slices"]) == (1.5, 1.5, 2)
    assert (a["volume_error_ml"], a["volume_error_percent"]) == (0, 0)
    assert (b["dice_scan"], b["dice_slice"], b["volume_predicted_ml"], b["volume_true_ml"]) == (0, 0.5, 0, 0.5)
    assert (b["hd95_mm"], b["assd_mm"], b["nsd"], b["volume_error_percent"]) == (math.inf, math.inf, 0, -100)
    undefined = ("dice_scan", "jaccard", "precision", "recall", "f_measure", "hd95_mm", "assd_mm", "nsd")
    assert all(math.isnan(c[name]) for name in (*undefined, "volume_error_percent"))
    assert (c["dice_slice"], c["volume_error_ml"]) == (1, 0)


@given(labels, labels)
def test_cropping_changes_no_figure(prediction, reference):
    values = {"a": 1, "b": 3}
    scores = score(prediction, reference, values, a=2.0)
    for found, value in zip(scores.structures, values.values(), strict=True):
        masks = prediction == value, reference == value
        assert found["dice_scan"] == pytest.approx(dice_scan(*masks), nan_ok=True)
        of_slices = [each for each in scores.slices if each.structure == found["structure"]]
        np.testing.assert_array_equal([each.dice_slice for each in of_slices], dice_slice(*masks))
        np.testing.assert_array_equal([each.voxels_true for each in of_slices], masks[1].sum((0, 1)))
        np.testing.assert_array_equal([each.voxels_predicted for each in of_slices], masks[0].sum((0, 1)))
        np.testing.assert_array_equal([each.voxels_overlap for each in of_slices], (masks[0] & masks[1]).sum((0, 1)))
        if all(mask.any() for mask in masks):
            hd95, assd, nsd = deepmind(*masks, SPACING, 2.0)
            assert (found["hd95_mm"], found["assd_mm"]) == pytest.approx((hd95, assd))
            assert found["nsd"] == pytest.approx(nsd) if found["structure"] == "a" else math.isnan(found["nsd"])


def test_the_position_of_a_slice_is_that_of_all_structures_of_the_reference():
    reference = np.zeros((4, 4, 5), np.uint8)
    reference[0, 0, 1], reference[:2, 0, 2], reference[:, 0, 3] = 1, 1, 2
    slices = score(np.zeros_like(reference), reference, {"a": 1, "b": 2}).slices
    assert [each.slice for each in slices] == [0, 1, 2, 3, 4] * 2
    assert [each.position for each in slices] == ["outside", "apex", "mid", "base", "outside"] * 2
    assert {each.position for each in slices} == set(POSITIONS)


def test_without_a_tolerance_there_is_no_nsd():
    label = np.ones((3, 3, 3), np.uint8)
    (found,) = score(label, label, {"a": 1}).structures
    assert math.isnan(found["nsd"])
    assert found["hd95_mm"] == 0
