"""Given and predicted sizes, weighed by their own errors."""

import numpy as np
import pytest
from numpy.typing import NDArray

from medsize.supervision.corrected_sizes import correct_sizes


def _sizes(structures: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1 - structures, structures], axis=1)


def _error(sizes: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.abs(sizes / truth - 1).mean())


def _measured(
    count: int, given: float, predicted: float, bias: float = 0.0, slips: float = 0.0, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    truth = np.exp(rng.normal(-4, 0.6, count))
    told = truth * np.exp(rng.normal(0, given, count))
    slipped = rng.random(count) < slips
    told[slipped] *= np.where(rng.random(int(slipped.sum())) < 0.5, 3, 1 / 3)
    return truth, told, truth * np.exp(bias + rng.normal(0, predicted, count))


@pytest.mark.parametrize(("given", "predicted"), [(0.14, 0.06), (0.1, 0.1), (0.3, 0.1)])
def test_the_errors_of_both_are_found_from_their_differences(given: float, predicted: float) -> None:
    _, told, seen = _measured(20_000, given, predicted)
    corrected = correct_sizes(_sizes(told), _sizes(seen))
    # both are raised by a standard error on purpose: at 20,000 sizes, of about 0.0005 in variance
    assert corrected.given_error[1] == pytest.approx(given, rel=0.1)
    assert corrected.predicted_error[1] == pytest.approx(predicted, rel=0.15)
    assert np.isnan(corrected.given_error[0])


@pytest.mark.parametrize(("given", "predicted"), [(0.14, 0.06), (0.1, 0.1), (0.3, 0.1)])
def test_corrected_sizes_err_less_than_either(given: float, predicted: float) -> None:
    truth, told, seen = _measured(1000, given, predicted)
    corrected = correct_sizes(_sizes(told), _sizes(seen)).sizes[:, 1]
    assert _error(corrected, truth) < min(_error(told, truth), _error(seen, truth))


def test_a_network_that_sees_everything_too_small_is_believed_about_the_differences() -> None:
    truth, told, seen = _measured(1000, 0.14, 0.06, bias=-0.3)
    corrected = correct_sizes(_sizes(told), _sizes(seen)).sizes[:, 1]
    assert _error(corrected, truth) < 0.06
    assert np.median(corrected / truth) == pytest.approx(1, abs=0.02)


def test_slips_do_not_decide_and_are_mended() -> None:
    truth, told, seen = _measured(1000, 0.1, 0.08, slips=0.03)
    corrected = correct_sizes(_sizes(told), _sizes(seen)).sizes[:, 1]
    assert _error(corrected, truth) < _error(seen, truth)
    slipped = np.abs(np.log(told / truth)) > 0.8
    assert _error(corrected[slipped], truth[slipped]) < 0.5 * _error(told[slipped], truth[slipped])


def test_what_is_absent_unknown_unseen_or_too_rare_stays_as_it_was_given() -> None:
    _, told, seen = _measured(100, 0.1, 0.1)
    given, predicted = _sizes(told), _sizes(seen)
    given[0], given[1], predicted[2] = (1, 0), (np.nan, np.nan), (1, 0)

    corrected = correct_sizes(given, predicted).sizes

    np.testing.assert_array_equal(corrected[:3], given[:3])
    assert (corrected[3:, 1] != given[3:, 1]).all()
    np.testing.assert_array_equal(correct_sizes(given[:19], predicted[:19]).sizes, given[:19])


def test_corrected_sizes_are_shares_of_one_image() -> None:
    rng = np.random.default_rng(0)
    given = rng.dirichlet([1, 3, 3], 200)
    predicted = rng.dirichlet([1, 3, 3], 200)
    sizes = correct_sizes(given, predicted).sizes
    np.testing.assert_allclose(sizes.sum(1), 1, atol=1e-12)
    assert (sizes >= 0).all()
