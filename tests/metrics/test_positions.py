import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.metrics.positions import slice_positions


@pytest.mark.parametrize(
    ("areas", "positions"),
    [
        ([0, 9, 8, 7, 0], "outside base mid apex outside"),
        ([0, 7, 8, 9, 0], "outside apex mid base outside"),
        ([9, 8, 7, 6, 5, 4], "base base mid mid apex apex"),
        ([9, 8, 7, 6], "base mid mid apex"),
        ([3, 9], "apex base"),
        ([4], "mid"),
        ([5, 0, 4, 3], "base outside mid apex"),
        ([5, 5, 5], "base mid apex"),
        ([0, 0], "outside outside"),
    ],
)
def test_thirds_of_the_slices_with_structures_go_from_the_large_end_to_the_small_one(areas, positions):
    assert slice_positions(np.array(areas)) == positions.split()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_what_holds_nothing_is_outside_and_the_two_ends_are_equally_long(areas):
    positions = slice_positions(np.array(areas))
    assert [position == "outside" for position in positions] == [area == 0 for area in areas]
    assert positions.count("base") == positions.count("apex")
