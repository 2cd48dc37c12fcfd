import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.config.supervision import CommonBounds, IndividualBounds, TableBounds
from medsize.errors import InputError
from medsize.supervision.bounds import common_bounds, individual_bounds, make_bounds, table_bounds

SIZES = np.array([[0.98, 0.02, 0.0], [1.0, 0.0, 0.0], [0.5, 0.2, 0.3], [np.nan, np.nan, np.nan]])


def test_common_bounds_are_the_authors_numbers_of_256_pixels_squared() -> None:
    bounds = make_bounds(CommonBounds(), np.array([[0.99, 0.01], [1.0, 0.0]]))
    np.testing.assert_allclose(bounds[0], [[0.96948, 0.999084], [0.000916, 0.03052]], rtol=0, atol=5e-6)
    assert bounds[1].tolist() == [[1, 1], [0, 0]]


def test_common_bounds_leave_the_background_what_the_structures_leave() -> None:
    bounds = common_bounds(np.array([[0.6, 0.2, 0.2], [0.8, 0.2, 0.0]]), 0.1, 0.3)
    np.testing.assert_allclose(bounds[0], [[0.4, 0.8], [0.1, 0.3], [0.1, 0.3]])
    np.testing.assert_allclose(bounds[1], [[0.7, 0.9], [0.1, 0.3], [0, 0]])


def test_upper_bounds_that_exceed_the_image_leave_the_background_at_least_nothing() -> None:
    assert common_bounds(np.array([[0.6, 0.2, 0.2]]), 0.2, 0.9)[0, 0].tolist() == [0.0, 0.6]


def test_individual_bounds_lie_around_each_size() -> None:
    bounds = make_bounds(IndividualBounds(kind="individual", tolerance=0.1), SIZES)
    np.testing.assert_allclose(bounds[0], [[0.978, 0.982], [0.018, 0.022], [0, 0]])
    np.testing.assert_allclose(bounds[2], [[0.45, 0.55], [0.18, 0.22], [0.27, 0.33]])


def test_individual_bounds_end_at_the_whole_image() -> None:
    assert individual_bounds(np.array([[0.05, 0.95]]), 0.1)[0].tolist() == [[0, pytest.approx(0.145)], [0.855, 1.0]]


@pytest.mark.parametrize("config", [CommonBounds(), IndividualBounds(kind="individual")])
def test_unknown_sizes_make_unknown_bounds_and_absent_structures_zero(config: CommonBounds | IndividualBounds) -> None:
    bounds = make_bounds(config, SIZES)
    assert bounds.shape == (4, 3, 2)
    assert np.isnan(bounds[3]).all()
    assert not np.isnan(bounds[:3]).any()
    assert bounds[1].tolist() == [[1, 1], [0, 0], [0, 0]]


@given(st.lists(st.floats(0, 0.3), min_size=2, max_size=3), st.floats(0, 1))
def test_bounds_are_ordered_fractions_around_the_sizes(structures: list[float], tolerance: float) -> None:
    sizes = np.array([[1 - sum(structures), *structures]])
    lower, upper = np.moveaxis(individual_bounds(sizes, tolerance), -1, 0)
    assert ((lower >= 0) & (upper <= 1)).all()
    assert ((lower <= sizes + 1e-12) & (sizes <= upper + 1e-12)).all()


@pytest.mark.parametrize("config", [CommonBounds(lower=0.1, upper=0.3), IndividualBounds(kind="individual")])
def test_an_unknown_structure_and_the_background_beside_it_have_unknown_bounds(
    config: CommonBounds | IndividualBounds,
) -> None:
    bounds = make_bounds(config, np.array([[np.nan, 0.2, np.nan, 0.0]]))[0]
    assert np.isnan(bounds[[0, 2]]).all()
    np.testing.assert_allclose(bounds[1], [0.1, 0.3] if isinstance(config, CommonBounds) else [0.18, 0.22])
    assert bounds[3].tolist() == [0, 0]


def test_common_lower_bounds_that_exceed_the_image_are_refused() -> None:
    sizes = np.array([[0.2, 0.4, 0.4, 0.0], [1.0, 0.0, 0.0, 0.0]])
    assert make_bounds(CommonBounds(lower=0.5, upper=0.6), sizes).shape == (2, 4, 2)
    with pytest.raises(InputError, match=r"the lower bound 0\.51 cannot hold for 2 structures at once"):
        make_bounds(CommonBounds(lower=0.51, upper=0.6), sizes)


@given(st.lists(st.floats(0, 0.3), min_size=2, max_size=3), st.floats(0, 1))
def test_bounds_can_always_be_met(structures: list[float], tolerance: float) -> None:
    sizes = np.array([[1 - sum(structures), *structures]])
    for bounds in (individual_bounds(sizes, tolerance), common_bounds(sizes, 0.3 * tolerance, 0.9)):
        lower, upper = bounds[0].sum(0)
        assert lower <= 1 + 1e-9
        assert upper >= 1 - 1e-9


def test_bounds_of_a_table_are_its_ranges_and_where_it_has_none_surround_its_values() -> None:
    nan = np.nan
    sizes = np.array([[nan, 0.2, nan, 0.0], [0.7, 0.1, 0.2, 0.0]])
    ranges = np.full((2, 4, 2), nan)
    ranges[0, 2], ranges[1, 1] = [0.1, 0.3], [0.05, 0.2]
    alone = table_bounds(ranges, sizes)
    np.testing.assert_array_equal(alone, ranges)
    targets = table_bounds(ranges, sizes, 0)
    np.testing.assert_allclose(targets[0, 1:], [[0.2, 0.2], [0.1, 0.3], [0, 0]])
    np.testing.assert_allclose(targets[1, 1:], [[0.05, 0.2], [0.2, 0.2], [0, 0]])
    assert np.isnan(targets[:, 0]).all(), "the background takes what the structures leave"
    made = make_bounds(TableBounds(kind="table", tolerance=0.5), sizes, ranges)
    np.testing.assert_allclose(made[1, 2], [0.1, 0.3])
