"""Open pixels are settled by place and intensity, and every size is met."""

import numpy as np
import pytest

from medsize.supervision.grow import grow
from medsize.supervision.seeds import erosion_seeds
from medsize.supervision.settle_by_intensity import settle_by_intensity

SIDE = 48


def _ellipse(rows: float, columns: float, centre: tuple[float, float] = (24, 24)) -> np.ndarray:
    at = np.indices((SIDE, SIDE))
    return ((at[0] - centre[0]) / rows) ** 2 + ((at[1] - centre[1]) / columns) ** 2 <= 1


def _image(label: np.ndarray, levels: tuple[float, ...] = (0.3, 0.7)) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.04, label.shape)
    return (np.array(levels)[label] + noise)[None]


def _settled(
    label: np.ndarray, image: np.ndarray, *, place: float = 10.0, size: np.ndarray | None = None
) -> np.ndarray:
    """Grow the seeds of a label to a size, by default its own, and settle what is open."""
    seeds = erosion_seeds(label.astype(np.uint8))
    size = np.bincount(label.ravel()) / label.size if size is None else size
    low, high = 0.6 * size, 1.4 * size
    domain, spacing = np.ones(label.shape, np.bool_), np.ones(label.ndim)
    grown = grow(seeds, low, high)
    return settle_by_intensity(grown, image, size, size, domain=domain, spacing=spacing, place=place)


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_borders_come_to_lie_on_edges_that_distance_alone_misses() -> None:
    label = (_ellipse(16, 9) | _ellipse(5, 14, (32, 26))).astype(np.intp)  # no shape that a core grows into
    image = _image(label)
    settled, straight = _settled(label, image), _settled(label, np.full_like(image, 0.5))
    wrong, by_distance = (1 - _dice(found == 1, label == 1) for found in (settled, straight))
    assert wrong < 0.4 * by_distance
    assert wrong < 0.06


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_the_size_is_met_whatever_the_edges_say(factor: float) -> None:
    label = _ellipse(12, 12).astype(np.intp)
    size = np.array([np.nan, factor * label.mean()])
    settled = _settled(label, _image(label), size=size)
    assert (settled == 1).sum() == round(factor * label.sum())
    assert set(np.unique(settled)) == {0, 1}


def test_two_structures_that_touch_are_told_apart_by_their_intensities() -> None:
    label = np.zeros((SIDE, SIDE), np.intp)
    label[_ellipse(10, 10, (24, 16))] = 1
    label[_ellipse(10, 10, (24, 32)) & (label == 0)] = 2
    label[22:27, 20:29] = 1  # a part of the one reaches into the other
    settled = _settled(label, _image(label, (0.2, 0.5, 0.8)), place=3)
    assert np.bincount(settled.ravel()).tolist() == np.bincount(label.ravel()).tolist()
    assert _dice(settled == 1, label == 1) > 0.95
    assert _dice(settled == 2, label == 2) > 0.95


def test_where_a_structure_may_be_anywhere_nothing_is_settled() -> None:
    labels = np.full((8, 8), 255, np.uint8)
    labels[4, 4] = 1
    unknown = np.full(2, np.nan)
    domain, spacing = np.ones((8, 8), np.bool_), np.ones(2)
    found = settle_by_intensity(labels, np.zeros((1, 8, 8)), unknown, unknown, domain=domain, spacing=spacing, place=10)
    np.testing.assert_array_equal(found, labels)


def test_volumes_are_settled_as_slices_are() -> None:
    label = np.stack([_ellipse(12, 8), _ellipse(10, 12), _ellipse(6, 6)]).astype(np.intp)
    settled = _settled(label, _image(label))
    assert (settled == 1).sum() == label.sum()
    assert _dice(settled == 1, label == 1) > 0.93


def test_padding_stays_unlabelled() -> None:
    label = _ellipse(10, 10).astype(np.intp)
    seeds, size = erosion_seeds(label.astype(np.uint8)), np.array([np.nan, label.mean() * 48 / 40])
    domain = np.ones((SIDE, SIDE), np.bool_)
    domain[:8] = False
    grown = grow(seeds, 0.7 * size, 1.3 * size, domain=domain)
    found = settle_by_intensity(grown, _image(label), size, size, domain=domain, spacing=np.ones(2), place=10)
    assert (found[:8] == 255).all()
    assert (found[8:] != 255).all()
