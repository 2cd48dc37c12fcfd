"""What sizes are about, and between which ends they lie."""

import numpy as np

from medsize.supervision.items import Item

NAN = np.nan


def test_ranges_are_used_as_they_are_and_numbers_have_the_tolerance() -> None:
    low = np.array([NAN, 0.2, 0.1, NAN])
    high = np.array([NAN, 0.2, 0.15, 0.3])
    item = Item(np.array([0]), (4, 4), np.ones(2), low, high)
    below, above = item.around(0.25)
    np.testing.assert_allclose(below, [NAN, 0.15, 0.1, NAN])
    np.testing.assert_allclose(above, [NAN, 0.25, 0.15, 0.3])
