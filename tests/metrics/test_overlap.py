import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from monai.metrics import ConfusionMatrixMetric, compute_iou
from torch import from_numpy

from medsize.metrics.dice import dice_of_counts
from medsize.metrics.overlap import f_measure, jaccard, precision, recall


def counts(prediction, reference):
    return tuple(int(mask.sum()) for mask in (prediction & reference, prediction, reference))


@given(arrays(bool, (4, 3, 2)), arrays(bool, (4, 3, 2)))
def test_where_monai_defines_them_the_shares_are_its_own(prediction, reference):
    if not (prediction.any() and reference.any()):
        return
    one_hot = [from_numpy(mask)[None, None].float() for mask in (prediction, reference)]
    of = counts(prediction, reference)
    assert jaccard(*of) == pytest.approx(compute_iou(*one_hot).item(), abs=1e-6)
    metric = ConfusionMatrixMetric(metric_name=["precision", "recall"], include_background=True)
    metric(*one_hot)
    expected = [value.item() for value in metric.aggregate()]
    assert [precision(*of), recall(*of)] == pytest.approx(expected, abs=1e-6)


@given(arrays(bool, (4, 3, 2)), arrays(bool, (4, 3, 2)))
def test_the_f_measure_is_the_weighted_harmonic_mean_of_precision_and_recall(prediction, reference):
    of = counts(prediction, reference)
    p, r = precision(*of), recall(*of)
    if of[0]:
        assert f_measure(*of) == pytest.approx(1.3 * p * r / (0.3 * p + r))
        assert jaccard(*of) == pytest.approx(dice_of_counts(*of) / (2 - dice_of_counts(*of)))


@pytest.mark.parametrize("measure", [jaccard, precision, recall, f_measure])
def test_one_empty_mask_is_worth_zero_and_two_are_undefined(measure):
    assert measure(0, 0, 5) == measure(0, 5, 0) == 0
    assert math.isnan(measure(0, 0, 0))
    assert measure(5, 5, 5) == pytest.approx(1)


def test_precision_looks_at_the_prediction_and_recall_at_the_reference():
    assert (precision(2, 4, 8), recall(2, 4, 8)) == (0.5, 0.25)
    assert f_measure(2, 4, 8) == pytest.approx(1.3 * 2 / (0.3 * 8 + 4))


def test_numpy_masks_of_any_dimension_come_down_to_three_counts():
    mask = np.ones((2, 2), bool)
    assert jaccard(*counts(mask, mask)) == 1
