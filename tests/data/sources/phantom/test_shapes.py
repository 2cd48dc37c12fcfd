import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.data.sources.phantom.shapes import Blob, Canvas, Solid

COORDINATE = st.floats(-20, 20)


@given(
    COORDINATE, COORDINATE, st.floats(2, 30), st.floats(2, 30), st.floats(-7, 7), st.floats(0, 0.2), st.floats(-4, 4)
)
def test_a_blob_equals_its_definition_point_by_point(
    x0: float, y0: float, a: float, b: float, angle: float, strength: float, phase: float
) -> None:
    cosine, sine = strength * math.cos(phase), strength * math.sin(phase)
    blob = Blob((x0, y0), (a, b), angle, (cosine, sine))
    axis = np.linspace(-50, 50, 23, dtype=np.float32)
    inside = blob.contains(axis, axis)
    for i, x in enumerate(axis.tolist()):
        for j, y in enumerate(axis.tolist()):
            u = ((x - x0) * math.cos(angle) + (y - y0) * math.sin(angle)) / a
            v = ((y - y0) * math.cos(angle) - (x - x0) * math.sin(angle)) / b
            field = u**2 + v**2 + cosine * (u**3 - 3 * u * v**2) + sine * (3 * u**2 * v - v**3)
            if abs(field - 1) > 1e-2:
                assert inside[i, j] == (field < 1)


def test_an_undented_blob_has_the_area_of_an_ellipse() -> None:
    canvas = Canvas.empty((400, 300), 0.25)
    canvas.paint(Blob((3, -4), (20, 10), 0.7), 5)
    assert np.count_nonzero(canvas.codes == 5) * 0.25**2 == pytest.approx(math.pi * 200, rel=0.005)


@given(st.floats(5, 20), st.floats(5, 20), st.floats(-4, 4), st.floats(0, 0.15), st.floats(-4, 4))
def test_painting_in_the_reach_of_a_blob_leaves_nothing_of_it_out(
    a: float, b: float, angle: float, strength: float, phase: float
) -> None:
    blob = Blob((2, 1), (a, b), angle, (strength * math.cos(phase), strength * math.sin(phase)))
    canvas = Canvas.empty((90, 90), 1.0)
    canvas.paint(blob, 1)
    near = np.hypot(canvas.x_mm[:, None] - 2, canvas.y_mm[None] - 1) < 1.6 * max(a, b)
    np.testing.assert_array_equal(canvas.codes == 1, blob.contains(canvas.x_mm, canvas.y_mm) & near)


def test_a_blob_grows_on_all_sides() -> None:
    assert Blob((1, 2), (3, 4), 0.5, (0.1, 0)).grown(2) == Blob((1, 2), (5, 6), 0.5, (0.1, 0))


def test_the_sections_of_a_solid_are_those_of_an_ellipsoid_that_drifts() -> None:
    solid = Solid(Blob((1, 2), (10, 20)), z_mm=5, half_length_mm=10, drift=(0.5, -1))
    section = solid.section(11)
    assert section is not None
    assert section.centre_mm == pytest.approx((4, -4))
    assert section.radii_mm == pytest.approx((8, 16))
    assert solid.section(5) == solid.blob
    assert solid.section(15) is None
    assert solid.section(-6) is None


def test_a_solid_without_ends_is_a_cylinder() -> None:
    assert Solid(Blob((0, 0), (3, 4))).section(1000) == Blob((0, 0), (3, 4))


def test_a_canvas_is_centred() -> None:
    canvas = Canvas.empty((4, 3), 2.0)
    assert canvas.x_mm.tolist() == [-3, -1, 1, 3]
    assert canvas.y_mm.tolist() == [-2, 0, 2]


def test_painting_over_a_tissue_leaves_the_others() -> None:
    canvas = Canvas.empty((20, 20), 1.0)
    canvas.codes[:10] = 1
    canvas.paint(Blob((0, 0), (5, 5)), 2, over=1)
    assert (canvas.codes[10:] == 0).all()
    assert (canvas.codes[:10] == 2).any()


def test_painting_nothing_changes_nothing() -> None:
    canvas = Canvas.empty((5, 5), 1.0)
    canvas.paint(None, 1)
    assert not canvas.codes.any()


def test_a_blob_beyond_the_canvas_is_cut_off() -> None:
    canvas = Canvas.empty((10, 10), 1.0)
    canvas.paint(Blob((100, 0), (5, 5)), 1)
    assert not canvas.codes.any()
    canvas.paint(Blob((5, 5), (3, 3)), 1)
    assert canvas.codes[-1, -1] == 1


def test_a_part_of_a_canvas_is_a_copy_at_the_same_place() -> None:
    canvas = Canvas.empty((30, 30), 1.0)
    blob = Blob((4, -3), (4, 4))
    part = canvas.around(blob)
    part.paint(blob, 1)
    assert not canvas.codes.any()
    canvas.codes[canvas.box(blob)] = part.codes
    again = Canvas.empty((30, 30), 1.0)
    again.paint(blob, 1)
    np.testing.assert_array_equal(canvas.codes, again.codes)
