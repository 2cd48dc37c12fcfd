import math

import numpy as np
import pytest

from medsize.evaluation.report.number_words import interval, number, quartiles, spread
from medsize.metrics.statistics import describe


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.12345, "0.123"), (-0.5, "−0.500"), (math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "–"), (None, "–")],
)
def test_a_figure_is_written_for_people(value, said):
    assert number(value) == said


def test_a_difference_has_its_sign():
    assert number(0.5, 1, sign=True) == "+0.5"
    assert interval(-1.0, 2.0, 1, sign=True) == "−1.0 to +2.0"
    assert interval(math.nan, math.nan) == "–"


def test_an_infinite_mean_has_the_finite_one_beside_it():
    found = describe(np.array([1.0, 2.0, math.inf]), ["a", "b", "c"])
    assert spread(found, 1) == "∞ (finite: 1.5)"
    assert quartiles(found, 1) == "2.0 [1.5, ∞]"
    assert spread(describe(np.array([1.0, 3.0]), ["a", "b"]), 1) == "2.0 ± 1.4"
