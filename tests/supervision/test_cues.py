import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.errors import InputError
from medsize.supervision.cues import background_cues, cues_from_activation, foreground_cues

ALL = np.array([True, True, True])


def random_maps(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 999),
    spatial=st.sampled_from([(9,), (5, 6), (3, 4, 3)]),
    threshold=st.sampled_from([0.2, 0.5, 0.9, 1.0]),
    tags=st.tuples(st.just(True), st.booleans(), st.booleans(), st.booleans()),
)
def test_foreground_cues_are_those_of_the_rule_pixel_by_pixel(
    seed: int, spatial: tuple[int, ...], threshold: float, tags: tuple[bool, ...]
) -> None:
    maps = random_maps(seed, 4, *spatial) * np.array([9, 1, 2, 3]).reshape(4, *[1] * len(spatial))
    cues = foreground_cues(maps, np.array(tags), threshold)
    areas = {k: (maps[k] >= threshold * maps[k].max()).sum() for k in (1, 2, 3)}
    for pixel in np.ndindex(*spatial):
        here = [k for k in (1, 2, 3) if tags[k] and maps[(k, *pixel)] >= threshold * maps[k].max()]
        if not here:
            assert cues[pixel] == 255
        else:
            assert areas[int(cues[pixel])] == min(areas[k] for k in here)
            assert cues[pixel] in here


def test_where_classes_meet_the_smaller_one_wins_whatever_its_number() -> None:
    large, small = np.array([1.0, 1, 1, 0]), np.array([0.0, 0, 1, 0])
    zero = np.zeros(4)
    assert foreground_cues(np.stack([zero, large, small]), ALL).tolist() == [1, 1, 2, 255]
    assert foreground_cues(np.stack([zero, small, large]), ALL).tolist() == [2, 2, 1, 255]


def test_20_percent_is_of_the_maximum_of_the_class_itself() -> None:
    maps = np.array([[0, 0, 0], [10, 2, 1.9], [0.1, 0.02, 0.5]])
    assert foreground_cues(maps, np.array([True, True, False])).tolist() == [1, 1, 255]
    assert foreground_cues(maps, np.array([True, False, True])).tolist() == [2, 255, 2]


def test_a_class_that_is_nowhere_active_gets_no_cues() -> None:
    assert (foreground_cues(np.full((3, 4), -1.0), ALL) == 255).all()
    assert (foreground_cues(np.zeros((3, 4)), ALL) == 255).all()


def test_background_cues_are_the_10_percent_least_salient_after_a_median_of_3_by_3() -> None:
    saliency = random_maps(0, 10, 12)
    padded = np.pad(saliency, 1, mode="symmetric")
    smooth = np.array([[np.median(padded[i : i + 3, j : j + 3]) for j in range(12)] for i in range(10)])
    marked = background_cues(saliency)
    assert marked.sum() == 12
    assert smooth[marked].max() <= smooth[~marked].min()


def test_one_noisy_pixel_makes_no_background_cue() -> None:
    saliency = np.ones((20, 20))
    saliency[5:9, 5:9] = 0.5
    saliency[15, 15] = 0
    marked = background_cues(saliency, fraction=12 / 400)
    assert marked[5:9, 5:9].sum() == 12
    assert not marked[15, 15]


@pytest.mark.parametrize(("fraction", "pixels"), [(0.0, 0), (0.1, 10), (1.0, 100)])
def test_as_many_pixels_are_background_as_asked_for_even_among_equals(fraction: float, pixels: int) -> None:
    assert background_cues(np.zeros((10, 10)), fraction).sum() == pixels


def test_the_cues_of_an_image_are_both_and_a_class_is_kept_where_they_meet() -> None:
    activation = np.zeros((2, 5, 5))
    activation[1, 0] = 1
    saliency = np.tile(np.arange(5.0)[:, None], (1, 5))
    tags = np.array([True, True])
    cues = cues_from_activation(activation, tags, saliency, background=0.4)
    assert cues.dtype == np.uint8
    assert (cues[0] == 1).all()
    assert (cues[1] == 0).all()
    assert (cues[2:] == 255).all()


def test_maps_tags_and_fractions_that_cannot_be_used_are_refused() -> None:
    maps = random_maps(0, 3, 4, 4)
    with pytest.raises(InputError, match="tags do not fit"):
        foreground_cues(maps, np.array([True, True]))
    with pytest.raises(InputError, match="threshold cannot be used"):
        foreground_cues(maps, ALL, 1.2)
    with pytest.raises(InputError, match="fraction cannot be used"):
        background_cues(maps[0], -0.1)
    with pytest.raises(InputError, match="activation has values that are not finite"):
        foreground_cues(np.full((3, 4), np.nan), ALL)
    with pytest.raises(InputError, match="saliency has values that are not finite"):
        background_cues(np.full((3, 4), np.inf))
    with pytest.raises(InputError, match="saliency does not fit the activation"):
        cues_from_activation(maps, ALL, maps[0, :2])
