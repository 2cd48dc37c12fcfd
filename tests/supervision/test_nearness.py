"""Distances from classes, in radii."""

import numpy as np
import pytest

from medsize.supervision.nearness import distances_in_radii, mean_radius


@pytest.mark.parametrize(("dimensions", "volume"), [(2, np.pi * 9), (3, 4 / 3 * np.pi * 27)])
def test_the_radius_is_that_of_a_ball_of_the_size(dimensions: int, volume: float) -> None:
    labels = np.ones((20,) * dimensions, np.uint8)
    size = np.array([np.nan, volume / labels.size])
    assert mean_radius(labels, size, size, labels.size, np.ones(dimensions)) == pytest.approx(3)
    # twice the spacing along one axis makes twice the volume
    spacing = np.array([2.0] + [1.0] * (dimensions - 1))
    radius = mean_radius(labels, size, size, labels.size, spacing)
    assert radius == pytest.approx(3 * 2 ** (1 / dimensions))


def test_distances_are_to_the_nearest_pixel_of_each_class_and_none_of_what_is_nowhere() -> None:
    labels = np.full((9, 9), 255, np.uint8)
    labels[4, 4], labels[0] = 1, 0
    size = np.array([np.nan, np.pi * 4 / 81, 0.1])
    found = distances_in_radii(labels, size, size, domain=np.ones((9, 9), np.bool_), spacing=np.array([1.0, 2.0]))
    radius = 2 * np.sqrt(2)
    rows, columns = np.indices((9, 9))
    np.testing.assert_allclose(found[1], np.hypot(rows - 4, 2 * (columns - 4)) / radius)
    np.testing.assert_allclose(found[0], rows / radius)
    assert not found[2].any()
