import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.errors import InputError
from medsize.supervision.size_table import UNITS, Extent, Unit, from_fraction, to_fraction

# 200 × 100 pixels of 1.5 × 2 mm, 10 slices 8 mm apart
SLICE = Extent(pixels=20_000, pixel_mm2=3.0, voxel_ml=0.024, whole_case=False)
CASE = Extent(pixels=200_000, pixel_mm2=3.0, voxel_ml=0.024, whole_case=True)

ON_A_SLICE = {
    "ml": 20_000 * 0.024,
    "mm3": 20_000 * 24,
    "mm2": 60_000,
    "cm2": 600,
    "percent": 100,
    "fraction": 1,
    "pixels": 20_000,
    "voxels": 20_000,
    "cells 5x4": 20,
    "cells 3x3": 9,
}
OF_A_CASE = {"ml": 4800, "mm3": 4.8e6, "percent": 100, "fraction": 1, "voxels": 200_000}


def test_every_unit_is_converted() -> None:
    assert set(ON_A_SLICE) == set(UNITS) == set(get_args(Unit))


@pytest.mark.parametrize(("unit", "whole"), ON_A_SLICE.items(), ids=ON_A_SLICE)
def test_a_quarter_of_a_slice_is_a_quarter_in_every_unit(unit: Unit, whole: float) -> None:
    assert to_fraction(whole / 4, unit, SLICE) == pytest.approx(0.25)
    assert from_fraction(0.25, unit, SLICE) == pytest.approx(whole / 4)


@pytest.mark.parametrize(("unit", "whole"), OF_A_CASE.items(), ids=OF_A_CASE)
def test_a_quarter_of_a_case_is_a_quarter_in_every_unit_of_volumes(unit: Unit, whole: float) -> None:
    assert to_fraction(whole / 4, unit, CASE) == pytest.approx(0.25)


@pytest.mark.parametrize("unit", sorted(set(UNITS) - set(OF_A_CASE)))
def test_units_of_slices_are_refused_for_whole_cases(unit: Unit) -> None:
    with pytest.raises(InputError, match=rf"'{unit}' is the size on one slice(?s:.*)name the slice"):
        to_fraction(1, unit, CASE)


def test_nothing_is_nothing_in_every_unit() -> None:
    assert {to_fraction(0, unit, CASE) for unit in UNITS} == {0}


@pytest.mark.parametrize("unit", ["ml", "mm3", "mm2", "cm2"])
def test_an_image_without_spacing_has_no_amounts(unit: Unit) -> None:
    bare = Extent(20_000, math.nan, math.nan, whole_case=False)
    with pytest.raises(InputError, match=f"no spacing to convert '{unit}'"):
        to_fraction(1, unit, bare)
    assert to_fraction(5, "cells 5x4", bare) == 0.25


def test_what_is_bigger_than_the_image_is_refused_and_rounding_is_not() -> None:
    with pytest.raises(InputError, match=r"bigger than the whole image\n.*at most 4800 ml\n.*4801 ml\n.*decimal mark"):
        to_fraction(4801, "ml", CASE)
    with pytest.raises(InputError, match="bigger than the slice"):
        to_fraction(101, "percent", SLICE)
    assert to_fraction(4800.001, "ml", CASE) == 1


@given(st.floats(0, 1), st.sampled_from(UNITS))
def test_converting_there_and_back_changes_nothing(fraction: float, unit: Unit) -> None:
    assert to_fraction(from_fraction(fraction, unit, SLICE), unit, SLICE) == pytest.approx(fraction)


def test_a_physical_size_is_in_ml_or_mm2_or_percent() -> None:
    assert CASE.physical(0.5) == (2400, "mL")
    assert SLICE.physical(0.5) == (30_000, "mm²")
    assert Extent(10, math.nan, math.nan, whole_case=True).physical(0.5) == (50, "%")
