"""Given and predicted sizes, weighed by their own errors."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from medsize.supervision.corrected_sizes import correct_sizes

_SIGMA = math.sqrt(math.pi / 2)
"""Standard deviation of a normal error over its mean absolute value."""


def _sizes(structures: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1 - structures, structures], axis=1)


def _error(sizes: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.abs(sizes / truth - 1).mean())


def _measured(
    count: int, given: float, predicted: float, bias: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    truth = np.exp(rng.normal(-4, 0.6, count))
    told = truth * np.exp(rng.normal(0, given * _SIGMA, count))
    return truth, told, truth * np.exp(bias + rng.normal(0, predicted * _SIGMA, count))


@pytest.mark.parametrize(("given", "predicted"), [(0.11, 0.05), (0.08, 0.08), (0.16, 0.08), (0.05, 0.1)])
def test_with_the_noise_known_corrected_sizes_err_as_little_as_two_measurements_can(
    given: float, predicted: float
) -> None:
    truth, told, seen = _measured(4000, given, predicted)
    corrected = correct_sizes(_sizes(told), _sizes(seen), noise=given).sizes[:, 1]
    best = 1 / math.sqrt(given**-2 + predicted**-2)
    # Sizes are grouped by the given ones, which are wrong: a little is lost by that, and by those far apart, kept.
    assert best * 0.95 < _error(corrected, truth) < best * 1.12


@pytest.mark.parametrize(("given", "predicted"), [(0.11, 0.05), (0.08, 0.08), (0.16, 0.08)])
def test_with_the_noise_unknown_they_err_less_than_those_given(given: float, predicted: float) -> None:
    truth, told, seen = _measured(1000, given, predicted)
    corrected = correct_sizes(_sizes(told), _sizes(seen))
    assert _error(corrected.sizes[:, 1], truth) < 0.8 * _error(told, truth)
    assert corrected.difference[1] == pytest.approx(_SIGMA * math.hypot(given, predicted), rel=0.1)
    assert np.isnan(corrected.difference[0])


def test_exact_sizes_known_to_be_exact_stay() -> None:
    _, told, seen = _measured(500, 0.0, 0.1)
    np.testing.assert_allclose(correct_sizes(_sizes(told), _sizes(seen), noise=0.0).sizes, _sizes(told), atol=1e-12)


def test_a_network_that_sees_everything_too_small_is_believed_about_the_differences() -> None:
    truth, told, seen = _measured(1000, 0.11, 0.05, bias=-0.3)
    corrected = correct_sizes(_sizes(told), _sizes(seen), noise=0.11).sizes[:, 1]
    assert _error(corrected, truth) < 0.055
    assert np.median(corrected / truth) == pytest.approx(1, abs=0.02)


def test_where_a_network_sees_small_objects_badly_it_is_believed_about_the_large_ones() -> None:
    truth, told, seen = _measured(2000, 0.1, 0.04)
    small = truth < np.quantile(truth, 0.2)
    seen[small] *= np.exp(np.random.default_rng(1).normal(0, 0.8, int(small.sum())))

    corrected = correct_sizes(_sizes(told), _sizes(seen), noise=0.1).sizes[:, 1]

    assert _error(corrected[small], truth[small]) < 1.05 * _error(told[small], truth[small])
    assert _error(corrected[~small], truth[~small]) < 0.5 * _error(told[~small], truth[~small])


def test_where_the_two_differ_by_far_the_given_size_stays() -> None:
    _, told, seen = _measured(400, 0.1, 0.05)
    seen[:12] *= 4
    corrected = correct_sizes(_sizes(told), _sizes(seen)).sizes[:, 1]
    np.testing.assert_allclose(corrected[:12], told[:12], rtol=1e-12)


def test_what_is_absent_unknown_unseen_or_too_rare_stays_as_it_was_given() -> None:
    _, told, seen = _measured(100, 0.1, 0.1)
    given, predicted = _sizes(told), _sizes(seen)
    given[0], given[1], predicted[2] = (1, 0), (np.nan, np.nan), (1, 0)

    corrected = correct_sizes(given, predicted).sizes

    np.testing.assert_array_equal(corrected[:3], given[:3])
    assert (corrected[3:, 1] != given[3:, 1]).mean() > 0.9
    np.testing.assert_array_equal(correct_sizes(given[:19], predicted[:19]).sizes, given[:19])


def test_corrected_sizes_are_shares_of_one_image() -> None:
    rng = np.random.default_rng(0)
    given = rng.dirichlet([1, 3, 3], 200)
    predicted = rng.dirichlet([1, 3, 3], 200)
    sizes = correct_sizes(given, predicted).sizes
    np.testing.assert_allclose(sizes.sum(1), 1, atol=1e-12)
    assert (sizes >= 0).all()
