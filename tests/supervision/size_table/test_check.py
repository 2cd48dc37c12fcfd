import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from medsize.data.case import Case
from medsize.data.formats import Grid
from medsize.errors import InputError
from medsize.supervision.size_table import SizeEntry, SizeTable
from medsize.supervision.size_table.check import Check, check_size_table

CASES = [
    Case(id=f"p{number:02d}_frame{frame:02d}", group=f"p{number:02d}", image=Path("x"), frame=frame, phase=phase)
    for number in range(10)
    for frame, phase in ((1, "ED"), (9, "ES"))
]
GRIDS = {case.id: Grid((100, 100, 10), (1.0, 1.0, 10.0)) for case in CASES}  # 1000 mL, slices of 10,000 mm²


def entry(
    case: str = "p00_frame01",
    value: float | None = 100,
    *,
    structure: str = "lv",
    unit: str = "ml",
    number: int | None = None,
    low: float | None = None,
    high: float | None = None,
    rater: str = "",
    row: int = 2,
) -> SizeEntry:
    return SizeEntry(row, case, number, structure, value, low, high, unit, rater)


def checked(*entries: SizeEntry, others: Sequence[str] = (), blank: int = 0) -> Check:
    return check_size_table(SizeTable(list(entries), [], blank, tuple(others)), CASES, GRIDS, ("rv", "lv"))


def messages(check: Check) -> list[str]:
    return [f"{finding.severity} {finding.row} {finding.about}: {finding.message}" for finding in check.findings]


def test_a_good_table_has_no_findings_and_tells_what_it_covers() -> None:
    check = checked(entry(), entry("p01_frame09", 0, low=0, high=5), entry(number=3, unit="mm2"), blank=7)
    assert check.findings == []
    assert (check.rows, check.blank) == (3, 7)
    covered = check.structures["lv"]
    assert (covered.cases, covered.slices, covered.share, covered.absent, covered.ranges) == (2, 1, 0.1, 1, 1)
    assert check.structures.keys() == {"lv"}


ERRORS = {
    "p00_fram01": (entry("p00_fram01"), "error 2 p00_fram01: lv: unknown case .*did you mean 'p00_frame01'"),
    "structure": (entry(structure="lvv"), "unknown structure .*did you mean 'lv'"),
    "background": (entry(structure="Background"), "the background has no size of its own"),
    "slice": (entry(number=10, unit="mm2"), "p00_frame01, slice 10: lv: no such slice .*0 to 9"),
    "large": (entry(value=1001), "lv: bigger than the whole image .*at most 1000 ml"),
    "large slice": (entry(value=100.1, number=0), "bigger than the slice .*at most 100 ml"),
    "range": (entry(value=None, low=900, high=1100), "bigger than the whole image"),
    "unit": (entry(unit="mm2"), "'mm2' is the size on one slice"),
}


@pytest.mark.parametrize(("wrong", "message"), ERRORS.values(), ids=ERRORS)
def test_what_the_data_contradicts_is_an_error(wrong: SizeEntry, message: str) -> None:
    check = checked(entry(row=3, case="p01_frame01"), wrong)
    assert len(check.of("error")) == 1
    assert re.search(message, messages(check)[0])


def test_names_may_differ_by_case_alone() -> None:
    assert checked(entry("P00_Frame01", structure="LV")).findings == []


def test_structures_that_exceed_the_image_together_are_an_error() -> None:
    check = checked(entry(value=600), entry(value=500, structure="rv", row=3))
    assert messages(check) == ["error 3 p00_frame01: rv: all structures together are 110% of the image"]


def test_errors_of_reading_come_with_the_others_in_the_order_of_rows() -> None:
    table = SizeTable([entry("nobody", row=5)], [(3, InputError("not a size", found="'x'"))], 0, ())
    check = check_size_table(table, CASES, GRIDS, ("lv",))
    assert [(finding.row, finding.severity) for finding in check.findings] == [(3, "error"), (5, "error")]
    assert check.findings[0].message == "not a size (found: 'x')"


def test_a_table_that_says_nothing_is_an_error() -> None:
    assert messages(checked(blank=4)) == ["error None : no row gives a size; 4 are blank"]


def test_columns_that_are_not_read_are_a_warning() -> None:
    assert messages(checked(entry(), others=("Ratr",))) == ["warning None : columns that are not read: Ratr"]


def test_an_outlier_is_a_warning_at_its_row() -> None:
    values = [100, 110, 120, 130, 140, 150, 12, 125]
    check = checked(*(entry(f"p{n:02d}_frame01", value, row=2 + n) for n, value in enumerate(values)))
    assert messages(check) == [
        "warning 8 p06_frame01: lv: 12 mL is far from the median of lv at ED, 122.5 mL (13 robust deviations); "
        "check the number and its unit"
    ]


def test_raters_who_disagree_by_more_than_a_factor_of_two_are_a_warning() -> None:
    near = [entry(value=100, rater="A"), entry(value=199, rater="B", row=3)]
    far = [entry(value=100, rater="A"), entry(value=20.1, unit="percent", rater="B", row=3)]
    assert checked(*near).findings == []
    assert messages(checked(*far)) == ["warning 3 p00_frame01: lv: raters disagree: 100 ml (A), 20.1 percent (B)"]
    covered = checked(*near).structures["lv"]
    assert covered.several_raters == 1
    assert covered.largest_spread == covered.median_spread == pytest.approx(99 / np.sqrt(100 * 199))
    assert checked(*near).raters == {"A": 1, "B": 1}


def test_one_rater_twice_is_a_warning() -> None:
    check = checked(entry(rater="A"), entry(rater="A", row=3))
    assert messages(check) == ["warning 3 p00_frame01: lv: a second row of A; the first is row 2"]
    assert "a rater without a name" in messages(checked(entry(), entry(row=3)))[0]
