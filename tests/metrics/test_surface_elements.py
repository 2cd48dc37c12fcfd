import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics.utils import get_code_to_measure_table
from surface_distance import lookup_tables

from medsize.metrics.surface_elements import element_areas, surface_elements

spacings = st.floats(0.1, 20)


@given(st.tuples(spacings, spacings, spacings))
def test_areas_are_those_of_deepmind_and_within_float32_those_of_monai(spacing_mm):
    areas = element_areas(spacing_mm)
    expected = lookup_tables.create_table_neighbour_code_to_surface_area(spacing_mm)
    np.testing.assert_allclose(areas, expected, rtol=1e-14)  # norms and sums of the same numbers: a few last bits
    np.testing.assert_allclose(areas, get_code_to_measure_table(spacing_mm)[0].numpy(), rtol=1e-5)


@given(st.tuples(spacings, spacings))
def test_lengths_of_contours_are_those_of_deepmind_and_monai(spacing_mm):
    lengths = element_areas(spacing_mm)
    expected = lookup_tables.create_table_neighbour_code_to_contour_length(spacing_mm)
    np.testing.assert_allclose(lengths, expected, rtol=1e-15)
    np.testing.assert_allclose(lengths, get_code_to_measure_table(spacing_mm)[0].numpy(), rtol=1e-5)


def test_the_area_of_a_box_is_that_of_its_faces_but_for_edges_and_corners():
    mask = np.ones((40, 30, 20), bool)
    _, areas = surface_elements(mask, (1, 2, 3))
    faces = 2 * (40 * 30 * 1 * 2 + 40 * 20 * 1 * 3 + 30 * 20 * 2 * 3)
    assert areas.sum() == pytest.approx(faces, rel=0.05)


def test_one_voxel_has_a_corner_at_each_of_its_eight():
    corners, areas = surface_elements(np.ones((1, 1, 1), bool), (1, 1, 1))
    assert corners.shape == (2, 2, 2)
    assert corners.all()
    np.testing.assert_allclose(areas, np.sqrt(3) / 8)


def test_an_empty_mask_has_no_surface():
    corners, areas = surface_elements(np.zeros((3, 3), bool), (1, 1))
    assert not corners.any()
    assert areas.size == 0


def test_neither_lines_nor_four_dimensions_have_a_surface_here():
    with pytest.raises(ValueError, match="2 or 3 dimensions"):
        element_areas((1.0,))
