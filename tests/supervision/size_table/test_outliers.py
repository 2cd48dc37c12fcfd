import math
from pathlib import Path

import numpy as np

from medsize.data.case import Case
from medsize.supervision.size_table import Estimate, Extent
from medsize.supervision.size_table.outliers import Item, find_outliers

CASES = {
    f"p{number}_{phase}": Case(id=f"p{number}_{phase}", group=f"p{number}", image=Path("x"), phase=phase)
    for number in range(10)
    for phase in ("ED", "ES")
}
NAN = math.nan


def extents(case: str, whole_case: bool) -> Extent:
    return Extent(1000.0, 1.0, 1.0, whole_case)  # 1000 mL, slices of 1000 mm²


def point(size: float) -> Estimate:
    return Estimate(size / 1000, NAN, NAN, 1, 0.0)


def volumes(phase: str, *sizes: float, structure: str = "lv") -> dict[Item, Estimate]:
    return {(f"p{number}_{phase}", None, structure): point(size) for number, size in enumerate(sizes)}


def found(estimates: dict[Item, Estimate]) -> dict[Item, str]:
    return dict(find_outliers(estimates, CASES, extents))


def test_the_distance_is_counted_in_robust_deviations_of_the_logarithm() -> None:
    sizes = np.array([100.0, 110, 121, 90.909, 82.645, 100, 300, 400, 95, 105])
    logs = np.log(sizes)
    deviation = 1.4826 * np.median(abs(logs - np.median(logs)))
    far = {(f"p{number}_ED", None, "lv") for number in np.flatnonzero(abs(logs - np.median(logs)) > 5 * deviation)}
    assert found(volumes("ED", *sizes)).keys() == far
    assert far


def test_phases_and_structures_have_medians_of_their_own() -> None:
    ed = [100, 110, 120, 130, 140, 150, 125]
    small = volumes("ES", *(size / 10 for size in ed)) | volumes("ED", *(size * 5 for size in ed), structure="rv")
    assert found(volumes("ED", *ed) | small) == {}


def test_a_few_sizes_have_no_outliers_and_equal_ones_tolerate_ten_percent() -> None:
    assert found(volumes("ED", 10, 100, 100, 100, 100)) == {}
    assert found(volumes("ED", *[100] * 8, 110)) == {}


def test_absent_structures_do_not_count_and_a_range_counts_by_its_middle() -> None:
    sizes = volumes("ED", *[100] * 8, 0)
    assert found(sizes) == {}
    sizes["p9_ED", None, "lv"] = Estimate(NAN, 0.09, 0.11, 1, 0.0)
    assert found(sizes) == {}
    sizes["p9_ED", None, "lv"] = Estimate(NAN, 0.9, 1.0, 1, 0.0)
    assert found(sizes).keys() == {("p9_ED", None, "lv")}


def test_a_size_is_compared_with_the_others_of_its_patient() -> None:
    rng = np.random.default_rng(0)
    patients = np.exp(rng.normal(0, 0.6, 10))
    shapes = {("ED", "lv"): 60, ("ES", "lv"): 25, ("ED", "rv"): 70, ("ES", "rv"): 35}
    sizes: dict[Item, Estimate] = {}
    for (phase, structure), size in shapes.items():
        sizes |= volumes(phase, *(patients * size * np.exp(rng.normal(0, 0.05, 10))), structure=structure)
    assert found(sizes) == {}
    slip = ("p3_ED", None, "lv")
    sizes[slip] = point(3000 * sizes[slip].fraction)
    messages = found(sizes)
    assert messages.keys() == {slip}
    assert "does not fit the other sizes of p3" in messages[slip]


def slices(case: str, *areas: float) -> dict[Item, Estimate]:
    return {(case, number, "lv"): point(area) for number, area in enumerate(areas)}


def test_a_slice_is_compared_with_those_beside_it() -> None:
    rng = np.random.default_rng(1)
    sizes: dict[Item, Estimate] = {}
    for number in range(8):
        organ = np.array([20, 60, 130, 220, 300, 260, 160, 70]) * rng.normal(1, 0.05, 8)
        sizes |= slices(f"p{number}_ED", *organ)
    assert found(sizes) == {}
    slip = ("p4_ED", 4, "lv")
    sizes[slip] = point(1000 * sizes[slip].fraction / 4)
    messages = found(sizes)
    assert messages.keys() == {slip}
    assert "does not fit the slices beside it" in messages[slip]


def test_sizes_of_images_without_spacing_are_told_in_percent() -> None:
    bare = dict(
        find_outliers(volumes("ED", *[10] * 8, 900), CASES, lambda case, whole: Extent(1000.0, NAN, NAN, whole))
    )
    assert "90 % is far from the median of lv at ED, 1 %" in bare["p8_ED", None, "lv"]
