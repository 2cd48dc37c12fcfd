import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medsize.metrics.agreement import agreement

# Bland and Altman, Lancet 1986, table 1: peak expiratory flow by the large and by the mini meter, litres a minute.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_example_of_bland_and_altman_comes_out_as_they_printed_it():
    found = agreement(LARGE, MINI)
    assert found.pairs == 17
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    # They printed 2 SD, 38.8 each; the limits here are 1.96 of these.
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(38.8, abs=0.05)
    # Their interval of the bias, in words: from minus 22.0 to 17.8.
    assert found.bias_interval == pytest.approx((-22.0, 17.8), abs=0.15)


def test_the_intervals_are_the_formulas_of_1999_by_hand():
    difference = np.subtract(LARGE, MINI)
    sd, t = difference.std(ddof=1), 2.1199  # Student's t, 16 degrees of freedom, from a table
    found = agreement(LARGE, MINI)
    half = t * sd * math.sqrt(1 / 17 + 1.96**2 / (2 * 16))
    assert found.low_interval == pytest.approx((found.low - half, found.low + half), rel=1e-4)
    assert found.high_interval == pytest.approx((found.high - half, found.high + half), rel=1e-4)


@given(st.lists(st.tuples(st.floats(1, 500), st.floats(1, 500)), min_size=3, max_size=20, unique=True))
def test_correlation_and_error_are_those_of_other_libraries(pairs):
    predicted, true = np.array(pairs).T
    found = agreement(predicted, true)
    assert found.absolute == pytest.approx(np.mean([abs(p - t) for p, t in pairs]))
    if np.ptp(predicted) > 1e-6 and np.ptp(true) > 1e-6:
        assert found.correlation == pytest.approx(stats.pearsonr(predicted, true).statistic, abs=1e-6)


def test_what_too_few_pairs_leave_open_is_nan():
    one = agreement([5.0], [4.0])
    assert (one.bias, one.absolute) == (1.0, 1.0)
    assert all(math.isnan(value) for value in (one.low, one.high, *one.bias_interval, *one.low_interval))
    assert math.isnan(agreement([1.0, 2.0], [1.0, 3.0]).correlation)
    assert math.isnan(agreement([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]).correlation)
