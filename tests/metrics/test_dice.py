import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from monai.metrics import compute_dice

from medsize.metrics.dice import dice_scan, dice_slice

EMPTY = np.zeros((3, 4, 2), bool)
FULL = np.ones((3, 4, 2), bool)


@st.composite
def mask_pairs(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=4, max_side=5))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


def brute_force(prediction, reference):
    """Counts voxel by voxel."""
    both = either = 0
    for p, r in zip(prediction.ravel(), reference.ravel(), strict=True):
        both += 1 if p and r else 0
        either += int(p) + int(r)
    return 2 * both / either if either else math.nan


@given(mask_pairs())
def test_dice_scan_equals_a_count_voxel_by_voxel(masks):
    assert dice_scan(*masks) == pytest.approx(brute_force(*masks), nan_ok=True)


@given(mask_pairs())
def test_dice_slice_equals_a_count_slice_by_slice_with_empty_slices_counting_one(masks):
    prediction, reference = masks
    expected = [brute_force(prediction[..., z], reference[..., z]) for z in range(prediction.shape[-1])]
    np.testing.assert_allclose(dice_slice(prediction, reference), [1 if math.isnan(e) else e for e in expected])


@given(mask_pairs())
def test_dice_is_symmetric_and_between_zero_and_one(masks):
    prediction, reference = masks
    there, back = dice_scan(prediction, reference), dice_scan(reference, prediction)
    assert there == back or (math.isnan(there) and math.isnan(back))
    assert math.isnan(there) or 0 <= there <= 1
    slices = dice_slice(prediction, reference)
    assert ((slices >= 0) & (slices <= 1)).all()


@given(arrays(bool, (5, 4, 3)), arrays(bool, (5, 4, 3)))
def test_dice_scan_agrees_with_monai_wherever_monai_defines_it(prediction, reference):
    one_hot = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, reference)]
    monai = compute_dice(*one_hot, ignore_empty=True).item()
    if reference.any():
        assert dice_scan(prediction, reference) == pytest.approx(monai, abs=1e-6)


@given(arrays(bool, (5, 4, 3)), arrays(bool, (5, 4, 3)))
def test_dice_slice_agrees_with_monai_when_it_keeps_empty_slices(prediction, reference):
    one_hot = [torch.from_numpy(np.moveaxis(mask, -1, 0)[:, None]).float() for mask in (prediction, reference)]
    monai = compute_dice(*one_hot, ignore_empty=False)[:, 0].numpy()
    np.testing.assert_allclose(dice_slice(prediction, reference), monai, atol=1e-6)


def test_dice_scan_of_two_empty_masks_is_undefined():
    assert math.isnan(dice_scan(EMPTY, EMPTY))


def test_dice_is_zero_when_one_mask_is_empty():
    assert dice_scan(EMPTY, FULL) == dice_scan(FULL, EMPTY) == 0
    np.testing.assert_array_equal(dice_slice(EMPTY, FULL), [0, 0])


def test_dice_of_equal_masks_is_one():
    assert dice_scan(FULL, FULL) == 1
    one_pixel = EMPTY.copy()
    one_pixel[1, 2, 0] = True
    assert dice_scan(one_pixel, one_pixel) == 1
    np.testing.assert_array_equal(dice_slice(one_pixel, one_pixel), [1, 1])


def test_empty_slices_lift_dice_slice_but_not_dice_scan():
    reference = np.zeros((4, 4, 10), bool)
    reference[:2, :2, 0] = True
    missed = np.zeros_like(reference)
    assert dice_slice(missed, reference).mean() == 0.9
    assert dice_scan(missed, reference) == 0


@pytest.mark.parametrize("function", [dice_scan, dice_slice])
def test_masks_of_different_shapes_are_refused(function):
    with pytest.raises(ValueError, match=r"\(3, 4, 2\), \(3, 4, 1\)"):
        function(EMPTY, FULL[..., :1])
