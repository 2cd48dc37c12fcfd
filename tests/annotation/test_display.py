from pathlib import Path

import numpy as np
import pytest

from medsize.annotation.display import Layout, layout_of, picture_of
from medsize.data.volumes import Volume

# columns of an affine: where voxel axes x, y and z lead, in RAS
AXIAL_LPS = np.diag([-1.0, -1, 1, 1])
AXIAL_RAS = np.eye(4)
SAGITTAL = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])  # x to the back, y to the feet
CORONAL_TURNED = np.array([[0, -1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0], [0, 0, 0, 1.0]])  # x to the feet, y to the left


def volume(affine: np.ndarray, shape: tuple[int, int, int] = (4, 6, 3), spacing_mm=(1.0, 2.0, 8.0)) -> Volume:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Volume(array, affine, spacing_mm, Path("image.nii"))


@pytest.mark.parametrize(
    ("affine", "across_axis", "flipped"),
    [
        (AXIAL_LPS, 0, (False, False)),
        (AXIAL_RAS, 0, (True, True)),
        (SAGITTAL, 0, (False, False)),
        (CORONAL_TURNED, 1, (False, False)),
    ],
)
def test_a_plane_is_shown_the_way_radiologists_look_at_it(affine: np.ndarray, across_axis: int, flipped: tuple):
    assert layout_of(volume(affine)) == Layout((4, 6), across_axis, flipped)


@pytest.mark.parametrize("affine", [AXIAL_LPS, AXIAL_RAS, SAGITTAL, CORONAL_TURNED])
def test_a_screen_position_leads_to_the_voxel_that_is_seen_there(affine: np.ndarray):
    layout = layout_of(volume(affine))
    plane = volume(affine).array[:, :, 1]
    shown = layout.screen(plane)
    for (down, across), value in np.ndenumerate(shown):
        x, y = layout.to_voxel(across, down)
        assert plane[int(x), int(y)] == value
        assert layout.to_screen(x, y) == (across, down)


def test_the_greys_span_the_volume_line_by_line():
    given = volume(CORONAL_TURNED)
    picture = picture_of(given)
    assert (picture.greys.min(), picture.greys.max()) == (0, 65535)
    sent = np.frombuffer(picture.plane(2), "<u2").reshape(4, 6)  # x runs down
    np.testing.assert_array_equal(sent, np.rint(given.array[:, :, 2] / given.array.max() * 65535))


def test_pixels_are_as_large_on_the_screen_as_the_spacing_says():
    assert picture_of(volume(AXIAL_LPS)).pixel_mm == (1, 2)
    assert picture_of(volume(CORONAL_TURNED)).pixel_mm == (2, 1)


def test_the_first_window_leaves_out_the_extremes_and_is_never_empty():
    given = volume(AXIAL_LPS, (20, 20, 3))
    black, white = picture_of(given).window
    assert 0 < black < white < 65535
    given.array[:] = 0
    given.array[0, 0, 0] = 1
    assert picture_of(given).window == (0, 65535)
