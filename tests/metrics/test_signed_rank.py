import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medsize.metrics.signed_rank import holm, smallest_p, wilcoxon

# Cushny and Peebles' hours of sleep gained, with which Student (1908) introduced his test: one zero, ties.
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])


def brute_force_p(differences):
    """Every sign of every rank, one after the other."""
    values = [d for d in differences if d != 0]
    ranks = stats.rankdata(np.abs(values))
    found = abs(sum(rank * np.sign(value) for rank, value in zip(ranks, values, strict=True)))
    sums = [abs(sum(s * r for s, r in zip(signs, ranks, strict=True))) for signs in product((1, -1), repeat=len(ranks))]
    return sum(total >= found - 1e-9 for total in sums) / len(sums)


def brute_force_holm(p_values):
    """Holm's own words: the level at which each hypothesis is rejected, found by trying levels."""
    levels = sorted({min(1.0, p * k) for p in p_values for k in range(1, len(p_values) + 1)} | {1.0})
    adjusted = []
    for place in range(len(p_values)):
        for level in levels:
            rejected, order = set(), sorted(range(len(p_values)), key=lambda i: p_values[i])
            for step, index in enumerate(order):
                if p_values[index] * (len(p_values) - step) > level * (1 + 1e-12):
                    break
                rejected.add(index)
            if place in rejected or level == 1.0:
                adjusted.append(level)
                break
    return adjusted


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=8).filter(any))
def test_ties_and_zeros_are_enumerated(differences):
    assert wilcoxon(differences) == pytest.approx(brute_force_p(differences))


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=10, unique=True), st.randoms(use_true_random=False))
def test_without_ties_the_p_is_scipys_exact_one(sizes, random):
    differences = [size * random.choice((1, -1)) for size in sizes]
    assert wilcoxon(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


def test_students_sleep_is_significant():
    assert wilcoxon(SLEEP) == pytest.approx(brute_force_p(SLEEP)) == pytest.approx(2 / 2**9)


def test_many_patients_are_approximated_as_scipy_does():
    differences = np.random.default_rng(0).normal(0.2, 1, 80)
    assert wilcoxon(differences) == pytest.approx(stats.wilcoxon(differences, method="asymptotic").pvalue)


def test_many_tied_differences_are_approximated():
    differences = np.random.default_rng(0).integers(1, 4, 30) * np.tile([1, 1, -1], 10)
    assert wilcoxon(differences) == pytest.approx(stats.wilcoxon(differences, method="asymptotic").pvalue)


def test_infinite_differences_rank_last():
    assert wilcoxon([1.0, -2.0, 3.0, math.inf]) == wilcoxon([1.0, -2.0, 3.0, 4.0])


def test_runs_that_are_equal_differ_by_nothing():
    assert wilcoxon([0.0, 0.0]) == 1.0
    assert math.isnan(wilcoxon([]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_holm_is_his_procedure_tried_at_every_level(p_values):
    assert holm(p_values) == pytest.approx(brute_force_holm(p_values))


def test_holm_on_a_published_example():
    # Wikipedia, "Holm–Bonferroni method": H1 to H4 at 0.01, 0.04, 0.03, 0.005; at 0.05 only H1 and H4 are rejected.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_question_without_an_answer_does_not_count():
    corrected = holm([0.01, math.nan, 0.04])
    assert corrected[[0, 2]] == pytest.approx([0.02, 0.04])
    assert math.isnan(corrected[1])
    assert math.isnan(holm([math.nan])[0])


@pytest.mark.parametrize("subjects", [1, 2, 5, 9])
def test_the_smallest_p_is_that_of_patients_who_all_agree(subjects):
    assert smallest_p(subjects) == wilcoxon(np.arange(1, subjects + 1))
    assert smallest_p(0) == 1
