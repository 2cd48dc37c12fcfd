import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table import Estimate, Extent, SizeEntry, combine

CASE = Extent(pixels=100_000, pixel_mm2=1.0, voxel_ml=0.01, whole_case=True)  # 1000 mL


def entry(
    value: float | None = None, low: float | None = None, high: float | None = None, unit: str = "ml"
) -> SizeEntry:
    return SizeEntry(2, "a", None, "lv", value, low, high, unit)


def combined(*entries: SizeEntry) -> Estimate:
    return combine(entries, CASE)


def test_one_value_is_a_point_without_range() -> None:
    estimate = combined(entry(140))
    assert (estimate.fraction, estimate.raters, estimate.spread) == (0.14, 1, 0)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_several_values_are_their_geometric_mean_within_their_range() -> None:
    estimate = combined(entry(100), entry(400))
    assert estimate.fraction == pytest.approx(0.2)
    assert (estimate.low, estimate.high) == (0.1, 0.4)
    assert (estimate.raters, estimate.spread) == (2, pytest.approx(1.5))


def test_one_absent_among_several_makes_the_mean_arithmetic() -> None:
    estimate = combined(entry(0), entry(100), entry(200))
    assert estimate.fraction == pytest.approx(0.1)
    assert (estimate.low, estimate.high, estimate.spread) == (0, 0.2, pytest.approx(2))


def test_all_absent_is_absent_without_spread() -> None:
    estimate = combined(entry(0), entry(0))
    assert (estimate.fraction, estimate.low, estimate.high, estimate.spread) == (0, 0, 0, 0)


def test_a_range_alone_has_no_value() -> None:
    estimate = combined(entry(low=100, high=150))
    assert math.isnan(estimate.fraction)
    assert (estimate.low, estimate.high, estimate.spread) == (0.1, 0.15, 0)


@pytest.mark.parametrize(("low", "high", "expected"), [(100, None, (0.1, 1)), (None, 100, (0, 0.1))])
def test_a_range_with_one_end_is_open_to_nothing_or_the_whole(
    low: float | None, high: float | None, expected: tuple[float, float]
) -> None:
    estimate = combined(entry(low=low, high=high))
    assert (estimate.low, estimate.high) == expected


def test_ranges_are_averaged_end_by_end_so_that_none_is_ever_empty() -> None:
    estimate = combined(entry(low=100, high=200), entry(low=400, high=800))
    assert (estimate.low, estimate.high) == (pytest.approx(0.2), pytest.approx(0.4))
    estimate = combined(entry(low=0, high=100), entry(low=100, high=400))
    assert (estimate.low, estimate.high) == (pytest.approx(0.05), pytest.approx(0.2))


def test_a_given_range_replaces_that_of_the_values_and_is_widened_to_hold_their_mean() -> None:
    estimate = combined(entry(140, 120, 150), entry(100))
    assert (estimate.low, estimate.high) == (pytest.approx(math.sqrt(0.014)), 0.15)


def test_raters_may_use_several_units() -> None:
    estimate = combined(entry(100), entry(10, unit="percent"), entry(1e5, unit="mm3"))
    assert estimate.fraction == pytest.approx(0.1)
    assert estimate.spread == pytest.approx(0)


def test_what_cannot_be_converted_is_told_by_its_row() -> None:
    with pytest.raises(InputError, match="row 2: bigger than the whole image"):
        combined(entry(1001))
    with pytest.raises(InputErrors, match="2 problems"):
        combined(entry(1001), entry(5, unit="mm2"))


@given(st.lists(st.floats(1e-6, 1000), min_size=1, max_size=5))
def test_the_value_lies_within_the_range_whatever_the_order(values: list[float]) -> None:
    estimate = combined(*map(entry, values))
    assert estimate.fraction == pytest.approx(np.exp(np.mean(np.log(np.array(values) / 1000))))
    if len(values) > 1:
        assert estimate.low <= estimate.fraction <= estimate.high
    assert combined(*map(entry, reversed(values))).fraction == pytest.approx(estimate.fraction)
