import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import bootstrap

from medsize.metrics.statistics import describe, paired_bootstrap, quantile

finite = st.floats(-1e3, 1e3)


@given(arrays(float, st.integers(2, 30), elements=finite))
def test_finite_values_have_the_figures_of_numpy(values):
    found = describe(values, [str(number) for number in range(len(values))], resamples=20)
    assert (found.cases, found.undefined, found.infinite) == (len(values), 0, 0)
    assert found.mean == found.mean_of_finite == pytest.approx(values.mean())
    assert found.sd == pytest.approx(values.std(ddof=1))
    np.testing.assert_allclose((found.q25, found.median, found.q75), np.quantile(values, (0.25, 0.5, 0.75)), atol=1e-9)


def test_the_interval_of_cases_of_their_own_is_that_of_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).normal(3, 2, 60)
    expected = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=2).confidence_interval
    found = paired_bootstrap(values, [str(number) for number in range(60)], resamples=20_000)
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_the_interval_is_that_of_a_loop_that_draws_whole_patients():
    random = np.random.default_rng(5)
    sizes = random.integers(1, 5, 20)
    patients = [random.normal(random.normal(), 0.1, size) for size in sizes]
    means = [
        np.concatenate([patients[number] for number in random.integers(20, size=20)]).mean() for _ in range(20_000)
    ]
    groups = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    found = paired_bootstrap(np.concatenate(patients), groups, resamples=20_000)
    np.testing.assert_allclose(found, np.quantile(means, (0.025, 0.975)), atol=0.02)


def test_equal_cases_of_one_patient_add_no_certainty():
    values = np.random.default_rng(3).normal(size=30)
    alone = describe(values, [str(number) for number in range(30)])
    twice = describe(np.repeat(values, 2), [str(number) for number in range(30) for _ in range(2)])
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high))


def test_undefined_values_are_counted_and_enter_nothing():
    groups = list("abcd")
    with_undefined = describe(np.array([1.0, np.nan, 2.0, 6.0]), groups)
    assert (with_undefined.cases, with_undefined.undefined) == (4, 1)
    without = describe(np.array([1.0, 2.0, 6.0]), ["a", "c", "d"])
    assert (with_undefined.mean, with_undefined.median, with_undefined.low) == (3, 2, without.low)


def test_an_infinite_value_enters_quartiles_and_makes_the_mean_infinite_beside_that_of_the_finite():
    found = describe(np.array([1.0, 2.0, 3.0, np.inf]), list("abcd"))
    assert (found.infinite, found.mean, found.sd, found.mean_of_finite) == (1, math.inf, math.inf, 2)
    assert (found.q25, found.median, found.q75) == (1.75, 2.5, math.inf)
    assert math.isfinite(found.low)
    assert found.high == math.inf


def test_nothing_defined_gives_nan_and_one_value_no_spread():
    nothing = describe(np.array([np.nan]), ["a"])
    assert all(math.isnan(value) for value in (nothing.mean, nothing.sd, nothing.median, nothing.low))
    one = describe(np.array([2.0]), ["a"])
    assert (one.mean, one.median) == (2, 2)
    assert math.isnan(one.sd)
    alone_and_infinite = describe(np.array([np.inf]), ["a"])
    assert (alone_and_infinite.mean, alone_and_infinite.median) == (math.inf, math.inf)
    assert math.isnan(alone_and_infinite.sd)


def test_one_patient_has_no_interval():
    assert all(math.isnan(end) for end in paired_bootstrap(np.array([1.0, 2.0]), ["a", "a"]))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values, groups = np.random.default_rng(0).normal(size=20), [str(number) for number in range(20)]
    assert paired_bootstrap(values, groups) == paired_bootstrap(values, groups)
    assert paired_bootstrap(values, groups) != paired_bootstrap(values, groups, seed=1)


def test_infinite_differences_of_both_signs_have_no_mean():
    low, high = paired_bootstrap(np.array([-np.inf, 1.0, 1.0, 1.0]), list("abcd"))
    assert (low, high) == (-math.inf, 1)
    assert all(math.isnan(end) for end in paired_bootstrap(np.array([-np.inf, np.inf]), list("ab")))


@given(arrays(float, st.integers(1, 20), elements=finite), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(values, share):
    assert quantile(values, share) == pytest.approx(np.quantile(values, share), abs=1e-9)


@pytest.mark.parametrize(
    ("values", "median"),
    [
        ([1, math.inf], math.inf),
        ([-math.inf, 1], -math.inf),
        ([math.inf, math.inf], math.inf),
        ([1, 2, math.inf], 2),
    ],
)
def test_a_quantile_may_lie_among_infinite_values(values, median):
    assert quantile(np.array(values), 0.5) == median


def test_as_many_groups_as_values_are_needed():
    with pytest.raises(ValueError, match="one group a value, found 2 values and 1 groups"):
        describe(np.array([1.0, 2.0]), ["a"])
