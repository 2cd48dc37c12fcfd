import math

from medsize.supervision.size_table import Extent, SizeEntry
from medsize.supervision.size_table.summary import summarise_sizes

ENTRIES = [
    SizeEntry(2, "p0", None, "lv", 10, None, None, "ml", "A", 4.0),
    SizeEntry(3, "p0", None, "lv", 40, None, None, "ml", "B", 8.0),
    SizeEntry(4, "p1", None, "lv", 50, None, None, "percent", "A"),
    SizeEntry(5, "p2", None, "lv", 0, None, None, "ml"),
    SizeEntry(6, "p3", None, "lv", None, 10, 20, "ml"),
    SizeEntry(7, "p0", 3, "lv", 5, None, None, "mm2"),
]


def extents(case: str, whole_case: bool) -> Extent:
    return Extent(1000 if whole_case else 100, 1.0, 0.1, whole_case)  # 100 mL, 100 mm²


def test_without_the_data_each_unit_has_its_line() -> None:
    summary = summarise_sizes(ENTRIES).set_index(["structure", "of", "unit"])
    assert set(summary.index) == {("lv", "case", "ml"), ("lv", "case", "percent"), ("lv", "slice", "mm2")}
    line = summary.loc["lv", "case", "ml"]
    assert (line["items"], line["absent"], line["ranges_alone"], line["raters"], line["seconds"]) == (4, 1, 1, 2, 6)
    assert (line["minimum"], line["median"], line["maximum"]) == (10, 25, 40)


def test_with_the_data_sizes_are_in_ml_and_mm2_and_raters_combined() -> None:
    phases = {"p0": "ED", "p1": "ED", "p2": "ES", "p3": "ES"}
    summary = summarise_sizes(ENTRIES, extents, phases).set_index(["phase", "of", "unit"])
    ed, es = summary.loc["ED", "case", "mL"], summary.loc["ES", "case", "mL"]
    assert (ed["items"], round(ed["minimum"], 9), ed["maximum"]) == (2, 20, 50)
    assert (es["items"], es["absent"], es["ranges_alone"]) == (2, 1, 1)
    assert math.isnan(es["median"])
    assert summary.loc["ED", "slice", "mm²"]["median"] == 5


def test_images_without_spacing_have_percents() -> None:
    summary = summarise_sizes(ENTRIES[2:3], lambda case, whole: Extent(1000, math.nan, math.nan, whole))
    assert summary[["unit", "median"]].to_numpy().tolist() == [["%", 50]]
