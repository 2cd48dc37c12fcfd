import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medsize.errors import InputError
from medsize.supervision.size_table import Extent, SizeEntry
from medsize.supervision.size_table.compare import compare_sizes, histogram
from medsize.supervision.size_table.figure import draw_errors

EXTENT = Extent(pixels=1e4, pixel_mm2=1.0, voxel_ml=0.01, whole_case=True)  # 100 mL


def entry(case: str, value: float | None, structure: str = "lv", unit: str = "ml", rater: str = "") -> SizeEntry:
    low = 1.0 if value is None else None
    return SizeEntry(2, case, None, structure, value, low, None, unit, rater)


def table(*values: float, structure: str = "lv", unit: str = "ml") -> list[SizeEntry]:
    return [entry(f"p{number}", value, structure, unit) for number, value in enumerate(values)]


def test_the_mean_relative_error_is_that_of_equation_14() -> None:
    rng = np.random.default_rng(0)
    exact = rng.uniform(50, 150, 40)
    given = exact * rng.normal(1, 0.2, 40).clip(0.1)
    line = compare_sizes(table(*given), table(*exact)).structures().loc["lv"]
    errors = (given - exact) / exact
    assert line["mean_relative_error"] == pytest.approx(np.mean(abs(errors)))
    assert line["bias"] == pytest.approx(np.mean(errors))
    assert line["median_relative_error"] == pytest.approx(np.median(abs(errors)))
    assert line["largest"] == pytest.approx(abs(errors).max())
    assert line["items"] == 40


def test_structures_stand_apart_and_together() -> None:
    given, exact = table(110, 120) + table(50, structure="rv"), table(100, 100) + table(100, structure="rv")
    structures = compare_sizes(given, exact).structures()
    assert structures["mean_relative_error"].to_dict() == pytest.approx({"lv": 0.15, "rv": 0.5, "all": 0.8 / 3})


def test_where_the_structure_is_absent_there_is_no_relative_error() -> None:
    comparison = compare_sizes(table(110, 5, 0), table(100, 0, 0))
    assert comparison.errors["relative_error"].isna().tolist() == [False, True, True]
    line = comparison.structures().loc["lv"]
    assert (line["items"], line["absent_in_reference"]) == (1, 2)


def test_a_structure_that_the_given_table_calls_absent_errs_by_its_size() -> None:
    assert compare_sizes(table(0), table(100)).errors["relative_error"].tolist() == [-1]


def test_raters_are_combined_first() -> None:
    given = [entry("p0", 50, rater="A"), entry("p0", 200, rater="B")]
    assert compare_sizes(given, table(100)).errors["relative_error"].tolist() == pytest.approx([0])


def test_units_of_one_quantity_compare_without_the_data() -> None:
    assert compare_sizes(table(1e5, unit="mm3"), table(100)).errors["relative_error"].tolist() == pytest.approx([0])
    cells = compare_sizes(table(2, unit="cells 5x4"), table(10, unit="percent"))
    assert cells.errors["relative_error"].tolist() == pytest.approx([0])


def test_units_of_two_quantities_compare_through_the_data_alone() -> None:
    given, exact = table(50, 60), [*table(50, unit="percent"), entry("p1", 50)]
    assert compare_sizes(given, exact).incomparable == 1
    both = compare_sizes(given, exact, lambda case, whole: EXTENT)
    assert both.errors["relative_error"].tolist() == pytest.approx([0, 0.2])
    with pytest.raises(InputError, match=r"nothing to compare(?s:.*)--data"):
        compare_sizes(table(50), table(50, unit="percent"))


def test_what_only_one_table_has_is_counted_and_a_range_alone_is_no_value() -> None:
    comparison = compare_sizes(table(1, 2, 3), [entry("p0", 1), entry("p9", 1), entry("p1", None)])
    assert (len(comparison.errors), comparison.only_given, comparison.only_reference) == (1, 2, 1)
    with pytest.raises(InputError, match="nothing to compare"):
        compare_sizes(table(1), [entry("p9", 1)])


def test_the_histogram_has_bins_around_multiples_of_ten_percent() -> None:
    edges, shares = histogram(pd.Series([-0.21, 0.0, 0.04, 0.06]))
    assert edges == pytest.approx([-0.25, -0.15, -0.05, 0.05])
    assert shares == [0.25, 0, 0.5, 0.25]
    assert histogram(pd.Series([], dtype=float)) == ([], [])


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.PDF", b"%PDF")])
def test_the_figure_is_drawn_in_the_format_of_its_name(tmp_path: Path, name: str, start: bytes) -> None:
    comparison = compare_sizes(table(110, 90) + table(50, structure="rv"), table(100, 100) + table(60, structure="rv"))
    draw_errors(comparison, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_the_figure_tells_the_error_of_each_structure(tmp_path: Path) -> None:
    draw_errors(compare_sizes(table(110, 90), table(100, 100)), tmp_path / "a.svg")
    assert "lv: mRE 10.0%" in (tmp_path / "a.svg").read_text("utf-8")
    sigma = 0.1 * math.sqrt(math.pi / 2)
    assert f"(σ {sigma:.1%})" in (tmp_path / "a.svg").read_text("utf-8")


def test_equal_tables_have_a_figure_without_noise(tmp_path: Path) -> None:
    draw_errors(compare_sizes(table(100), table(100)), tmp_path / "a.svg")
    assert "normal" not in (tmp_path / "a.svg").read_text("utf-8")


def test_a_figure_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot draw .*a.bmp\n.*\.svg"):
        draw_errors(compare_sizes(table(1), table(1)), tmp_path / "a.bmp")
