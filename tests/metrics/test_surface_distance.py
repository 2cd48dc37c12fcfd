import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from monai.metrics import compute_surface_dice
from scipy.ndimage import gaussian_filter
from torch import from_numpy

from medsize.metrics.surface_distance import (
    assd_mm,
    bounding_box,
    hd95_mm,
    normalised_surface_dice,
    surface_distances,
)
from tests.metrics.deepmind import deepmind

SPACING = (1.4, 1.5, 9.0)


def measured(prediction, reference, spacing_mm, tolerance_mm):
    distances = surface_distances(prediction, reference, spacing_mm)
    return hd95_mm(distances), assd_mm(distances), normalised_surface_dice(distances, tolerance_mm)


def random_mask(random, shape):
    """A blob, noise, a few voxels, a box that touches the border, everything or (one in eight) nothing."""
    kind = random.integers(8)
    if kind < 3:
        return gaussian_filter(random.normal(size=shape), random.uniform(0.5, 3)) > random.uniform(-0.02, 0.1)
    if kind == 3:
        return random.random(shape) < random.uniform(0.001, 0.5)
    if kind in (4, 5):
        mask = np.zeros(shape, bool)
        ends = [sorted(random.integers(0, side + 1, 2)) for side in shape]
        mask[tuple(slice(0 if kind == 4 else low, high) for low, high in ends)] = True
        return mask
    return np.full(shape, kind == 6)


def random_pairs(dimensions, count, seed):
    random = np.random.default_rng(seed)
    for _ in range(count):
        shape = random.integers(1, (28, 24, 12)[:dimensions], endpoint=True)
        reference = random_mask(random, shape)
        prediction = np.roll(reference, 1, 0) if random.random() < 0.3 else random_mask(random, shape)
        yield prediction, reference, random.uniform(0.3, 10, dimensions).tolist(), random.uniform(0, 8)


@pytest.mark.parametrize(("dimensions", "seed"), [(3, 1), (2, 2)])
def test_all_figures_equal_those_of_deepmind_on_200_anisotropic_pairs_with_borders_and_empties(dimensions, seed):
    kinds = {0: 0, 1: 0, 2: 0}
    for prediction, reference, spacing_mm, tolerance_mm in random_pairs(dimensions, 200, seed):
        found = measured(prediction, reference, spacing_mm, tolerance_mm)
        expected = deepmind(prediction, reference, spacing_mm, tolerance_mm)
        empty = int(not prediction.any()) + int(not reference.any())
        kinds[empty] += 1
        if empty == 0:
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        elif empty == 1:
            assert found == (math.inf, math.inf, 0)
            assert (expected[0], expected[2]) == (math.inf, 0)
        else:
            assert np.isnan(found).all()
    assert min(kinds.values()) > 1


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning:monai")  # MONAI's own call
@pytest.mark.parametrize("dimensions", [2, 3])
def test_nsd_is_that_of_monai_with_subvoxels(dimensions):
    for prediction, reference, spacing_mm, tolerance_mm in random_pairs(dimensions, 40, seed=3):
        if prediction.any() and reference.any():
            one_hot = [from_numpy(mask)[None, None].float() for mask in (prediction, reference)]
            monai = compute_surface_dice(
                *one_hot, [tolerance_mm], include_background=True, spacing=spacing_mm, use_subvoxels=True
            ).item()
            found = measured(prediction, reference, spacing_mm, tolerance_mm)[2]
            assert found == pytest.approx(monai, abs=1e-4)


@given(
    array_shapes(min_dims=3, max_dims=3, max_side=6).flatmap(
        lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
    )
)
def test_distances_are_symmetric_and_hd95_is_no_longer_than_the_diagonal(masks):
    prediction, reference = masks
    there, back = measured(prediction, reference, SPACING, 2), measured(reference, prediction, SPACING, 2)
    np.testing.assert_allclose(there, back)
    if prediction.any() and reference.any():
        assert 0 <= there[0] <= math.dist((0, 0, 0), np.multiply(prediction.shape, SPACING))
        assert 0 <= there[2] <= 1


@given(arrays(bool, (4, 5, 3)), st.integers(0, 3), st.integers(0, 3))
def test_what_lies_around_both_masks_changes_nothing(mask, before, after):
    other = np.roll(mask, 1, 1)
    padded = [np.pad(each, ((before, after), (after, 0), (0, before))) for each in (mask, other)]
    np.testing.assert_array_equal(measured(*padded, SPACING, 1), measured(mask, other, SPACING, 1))


def test_equal_masks_are_at_distance_zero():
    mask = np.zeros((6, 7, 3), bool)
    mask[2:4, 3, 1] = True
    assert measured(mask, mask, SPACING, 0) == (0, 0, 1)


def test_a_shift_of_one_pixel_moves_two_opposite_faces_by_the_spacing():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    hd95, assd, nsd = measured(np.roll(mask, 1, 0), mask, (2.0, 1.0), 1.9)
    assert hd95 == 2
    assert 0 < assd < 1
    assert measured(np.roll(mask, 1, 0), mask, (2.0, 1.0), 2.0)[2] == 1 > nsd


def test_the_box_of_a_mask_is_the_smallest_that_holds_it():
    mask = np.zeros((5, 6), bool)
    mask[1, 2] = mask[3, 5] = True
    assert bounding_box(mask) == (slice(1, 4), slice(2, 6))
    assert mask[bounding_box(np.zeros_like(mask))].size == 0


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5)), ((3, 4, 2), (3, 4, 2)), ((3,), (3,))])
def test_masks_that_do_not_fit_each_other_or_the_spacing_are_refused(shapes):
    with pytest.raises(ValueError, match="one shape and a spacing for each axis"):
        surface_distances(*(np.ones(shape, bool) for shape in shapes), (1, 1))
