import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medsize.inference.components import keep_largest


def flooded(mask: np.ndarray) -> list[set[tuple[int, ...]]]:
    """The components of a mask by a flood from voxel to voxel, in the order of their first voxels."""
    left = {tuple(at) for at in np.argwhere(mask)}
    found = []
    for start in sorted(left):
        if start not in left:
            continue
        component, edge = {start}, [start]
        left.discard(start)
        while edge:
            x, y, z = edge.pop()
            near = {(x + i, y + j, z + k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)} & left
            left -= near
            component |= near
            edge += near
        found.append(component)
    return found


@given(arrays(np.uint8, (5, 4, 3), elements=st.sampled_from([0, 0, 0, 0, 1, 3])))
def test_the_largest_component_is_that_of_a_flood(classes):
    expected = np.zeros_like(classes)
    for number in (1, 3):
        components = flooded(classes == number)
        if components:
            for at in max(components, key=len):  # of several the first
                expected[at] = number
    before = classes.copy()
    np.testing.assert_array_equal(keep_largest(classes), expected)
    np.testing.assert_array_equal(classes, before)


def test_voxels_that_touch_at_a_corner_are_together():
    classes = np.zeros((4, 4, 2), np.uint8)
    classes[0, 0, 0] = classes[1, 1, 1] = classes[3, 3, 1] = 2
    expected = classes.copy()
    expected[3, 3, 1] = 0
    np.testing.assert_array_equal(keep_largest(classes), expected)


def test_nothing_and_everything_stay():
    for classes in (np.zeros((3, 3, 3), np.uint8), np.ones((3, 3, 3), np.uint8)):
        np.testing.assert_array_equal(keep_largest(classes), classes)
