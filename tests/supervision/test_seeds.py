import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from medsize.config.supervision import CentroidSeeds, ErosionSeeds, FullSeeds, LengthRatioSeeds, RandomSeeds
from medsize.errors import InputError
from medsize.supervision.seeds import (
    MaskSeeds,
    centroid_seeds,
    erosion_seeds,
    full_seeds,
    length_ratio_seeds,
    make_seeds,
    random_seeds,
    scribble_seeds,
)

LABELS = arrays(
    np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=9), elements=st.sampled_from([0, 1, 1, 2, 255])
)
KINDS: list[MaskSeeds] = [
    ErosionSeeds(),
    RandomSeeds(kind="random"),
    CentroidSeeds(kind="centroid"),
    FullSeeds(kind="full"),
    LengthRatioSeeds(kind="length_ratio", ratio=0.3),
]


def literal_erosion_seeds(label: np.ndarray, iterations: int) -> np.ndarray:
    """The size-constraint authors' loop: ever fewer erosions of the original mask until something is left."""
    seeds = np.full_like(label, 255)
    for structure in set(np.unique(label).tolist()) - {0, 255}:
        mask = label == structure
        core = mask
        for count in range(iterations, 0, -1):
            eroded = ndimage.binary_erosion(mask, np.ones((3,) * label.ndim), iterations=count, border_value=0)
            if eroded.any():
                core = eroded
                break
        seeds[core] = structure
    return seeds


def disc_label(radius: float, size: int = 41) -> np.ndarray:
    x, y = np.mgrid[:size, :size] - size // 2
    return (x**2 + y**2 <= radius**2).astype(np.uint8)


@given(LABELS, st.integers(1, 11))
def test_erosion_seeds_equal_the_literal_loop_in_any_dimension(label: np.ndarray, iterations: int) -> None:
    np.testing.assert_array_equal(erosion_seeds(label, iterations), literal_erosion_seeds(label, iterations))


@pytest.mark.parametrize("radius", [0, 1, 2.5, 5, 9.5, 10.5, 14, 20])
def test_erosion_seeds_of_a_disc_equal_the_literal_loop_at_every_depth(radius: float) -> None:
    label = disc_label(radius)
    np.testing.assert_array_equal(erosion_seeds(label), literal_erosion_seeds(label, 10))


def test_erosion_works_inwards_from_the_edge_of_the_image() -> None:
    seeds = erosion_seeds(np.ones((7, 7), np.uint8), iterations=2)
    assert np.argwhere(seeds == 1).tolist() == [[x, y] for x in (2, 3, 4) for y in (2, 3, 4)]


def test_a_structure_too_thin_to_erode_is_its_own_seed() -> None:
    label = np.zeros((6, 6), np.uint8)
    label[2:4, :] = 1
    np.testing.assert_array_equal(erosion_seeds(label) == 1, label == 1)


def test_each_structure_is_eroded_on_its_own() -> None:
    label = np.zeros((12, 24), np.uint8)
    label[:, :12], label[:, 12:] = 1, 2
    seeds = erosion_seeds(label, iterations=3)
    assert (seeds[3:9, 3:9] == 1).all()
    assert (seeds[3:9, 15:21] == 2).all()
    assert (seeds != 255).sum() == 2 * 36


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
@settings(max_examples=30)
@given(label=LABELS)
def test_seeds_lie_inside_their_structures_and_every_structure_has_some(config: MaskSeeds, label: np.ndarray) -> None:
    before = label.copy()
    seeds = make_seeds(config, label, np.random.default_rng(0))
    assert seeds.dtype == np.uint8
    assert seeds.shape == label.shape
    assert np.isin(seeds[seeds != 255], label).all()
    np.testing.assert_array_equal(seeds[seeds != 255], label[seeds != 255])
    assert set(np.unique(seeds).tolist()) - {255} == set(np.unique(label).tolist()) - {0, 255}
    np.testing.assert_array_equal(label, before)


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
def test_an_image_without_structures_has_no_seeds(config: MaskSeeds) -> None:
    assert (make_seeds(config, np.zeros((5, 6), np.uint8), np.random.default_rng(0)) == 255).all()


def test_every_setting_reaches_its_seeds() -> None:
    label, rng = disc_label(12), np.random.default_rng
    np.testing.assert_array_equal(make_seeds(ErosionSeeds(iterations=4), label, rng(0)), erosion_seeds(label, 4))
    np.testing.assert_array_equal(
        make_seeds(RandomSeeds(kind="random", radius_px=4), label, rng(3)), random_seeds(label, rng(3), 4)
    )
    np.testing.assert_array_equal(
        make_seeds(CentroidSeeds(kind="centroid", radius_px=4), label, rng(0)), centroid_seeds(label, 4)
    )
    np.testing.assert_array_equal(
        make_seeds(LengthRatioSeeds(kind="length_ratio", ratio=0.5), label, rng(0)), length_ratio_seeds(label, 0.5)
    )


def test_random_seeds_are_a_disc_five_pixels_wide_around_one_pixel() -> None:
    label = np.ones((60, 60), np.uint8)
    x, y = np.mgrid[-2:3, -2:3]
    disc = x**2 + y**2 <= 2.5**2
    centres = set()
    for number in range(40):
        found = np.argwhere(random_seeds(label, np.random.default_rng(number)) == 1)
        (top, left), (bottom, right) = found.min(0), found.max(0)
        if top > 0 and left > 0 and bottom < 59 and right < 59:
            assert (bottom - top, right - left) == (4, 4)
            assert len(found) == disc.sum()
        centres.add((int(top), int(left)))
    assert len(centres) > 30


def test_random_seeds_may_start_at_any_pixel_of_the_structure() -> None:
    label = np.zeros((3, 4), np.uint8)
    label[1, 1:] = 1
    starts = {tuple(np.argwhere(random_seeds(label, np.random.default_rng(n), 0.5) == 1)[0]) for n in range(60)}
    assert starts == {(1, 1), (1, 2), (1, 3)}


def test_centroid_seeds_of_a_ring_lie_on_the_ring() -> None:
    ring = disc_label(10) - disc_label(7)
    seeds = centroid_seeds(ring, 1)
    assert 1 < (seeds == 1).sum() <= 5
    assert (ring[seeds == 1] == 1).all()


def test_centroid_seeds_of_a_disc_are_its_middle() -> None:
    found = np.argwhere(centroid_seeds(disc_label(9), 1) == 1)
    assert sorted(found.tolist()) == [[19, 20], [20, 19], [20, 20], [20, 21], [21, 20]]


def test_full_seeds_are_the_structures_without_the_background() -> None:
    assert full_seeds(np.array([[0, 1, 2, 255]], np.uint8)).tolist() == [[255, 1, 2, 255]]


def test_length_ratio_0_is_one_pixel_for_each_object_and_1_is_all_of_it() -> None:
    label = np.zeros((9, 30), np.uint8)
    label[1:8, 1:8], label[2:5, 12:20], label[4:7, 24:27] = 1, 1, 2
    one_click = length_ratio_seeds(label, 0)
    assert ((one_click == 1).sum(), (one_click == 2).sum()) == (2, 1)
    assert one_click[4, 4] == 1, "the middle of the square"
    np.testing.assert_array_equal(length_ratio_seeds(label, 1) == 255, label == 0)


@settings(max_examples=30)
@given(LABELS, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_length_ratio_only_adds_pixels(label: np.ndarray, a: float, b: float) -> None:
    few, many = length_ratio_seeds(label, min(a, b)), length_ratio_seeds(label, max(a, b))
    assert ((few == 255) | (few == many)).all()


@given(st.floats(0, 1))
def test_length_ratio_is_the_share_of_the_other_pixels(ratio: float) -> None:
    label = disc_label(8)
    assert (length_ratio_seeds(label, ratio) == 1).sum() == 1 + round(ratio * (label.sum() - 1))


def test_scribbles_become_classes_and_other_structures_background() -> None:
    scribble = np.array([[0, 1, 2, 3, 4]], np.uint8)
    assert scribble_seeds(scribble, {0: 0, 1: 0, 2: 0, 3: 1}).tolist() == [[0, 0, 0, 1, 255]]


def test_blank_pixels_of_a_scribble_may_have_any_value() -> None:
    assert scribble_seeds(np.array([9, 0, 1], np.uint8), {0: 0, 1: 2}, unlabelled=9).tolist() == [255, 0, 2]
    assert scribble_seeds(np.array([0, 1], np.uint8), {0: 0, 1: 2}, unlabelled=0).tolist() == [255, 2]


def test_a_scribble_value_without_meaning_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match=r"(?s)0, 3, or 4 where nothing.*found:    5, 7.*seeds.unlabelled"):
        scribble_seeds(np.array([0, 5, 7, 4], np.uint8), {0: 0, 3: 1})
