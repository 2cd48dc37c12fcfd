from pathlib import Path

import pytest

from medsize.data.formats import Grid
from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table import Extent, SizeEntry, known_name
from medsize.supervision.size_table.known import KnownData, extents_of
from medsize.supervision.size_table.names import KnownNames

GRIDS = {"P1": Grid((10, 20, 5), (1.0, 2.0, 4.0))}


def entry(case: str, structure: str = "lv", number: int | None = None, row: int = 2) -> SizeEntry:
    return SizeEntry(row, case, number, structure, 1, None, None, "ml")


def test_a_name_is_known_as_it_is_or_by_its_letters() -> None:
    assert known_name("lv", ["lv", "LV"], "structure") == "lv"
    assert known_name("LV", ["rv", "lv"], "structure") == "lv"
    with pytest.raises(InputError, match="unknown structure"):
        known_name("Lv", ["lv", "LV"], "structure")


def test_a_near_name_is_suggested_and_else_some_are_listed() -> None:
    with pytest.raises(InputError, match=r"unknown case\n.*'patient0O1'\n.*did you mean 'patient001'"):
        known_name("patient0O1", ["patient001", "other"], "case")
    with pytest.raises(InputError, match=r"known: c0, c1, c2, c3, c4, c5, c6, c7, …"):
        known_name("xyz", [f"c{number}" for number in range(9)], "case")


def test_entries_take_the_names_of_the_data() -> None:
    known = KnownData.of_grids(GRIDS, ("lv",)).entries(Path("a.csv"), [entry("p1", "LV")])
    assert [(row.case, row.structure) for row in known] == [("P1", "lv")]


def test_all_rows_that_the_data_does_not_have_are_listed() -> None:
    rows = [entry("P2"), entry("P1", "rv", row=3), entry("P1", number=5, row=4), entry("P1", "background", row=5)]
    with pytest.raises(InputErrors) as caught:
        KnownData.of_grids(GRIDS, ("lv",)).entries(Path("a.csv"), rows)
    assert [error.problem.split("\n")[0] for error in caught.value.errors] == [
        "a.csv, row 2: unknown case",
        "a.csv, row 3: unknown structure",
        "a.csv, row 4: no such slice of case P1",
        "a.csv, row 5: the background has no size of its own",
    ]


def test_the_extent_of_a_case_is_that_of_all_its_slices() -> None:
    extents = extents_of(GRIDS)
    assert extents("P1", True) == Extent(1000, 2.0, 0.008, True)
    assert extents("P1", False) == Extent(200, 2.0, 0.008, False)


def test_letters_of_another_system_are_the_same() -> None:
    composed, apart = "Jürgen", "Ju\u0308rgen"
    grids = {composed: GRIDS["P1"]}
    known = KnownData.of_grids(grids, ("ä", "lv")).entries(
        Path("a.csv"), [entry(apart, "A\u0308"), entry(apart.upper())]
    )
    assert [(row.case, row.structure) for row in known] == [(composed, "ä"), (composed, "lv")]


def test_a_table_of_unknown_names_gets_a_hundred_suggestions() -> None:
    names = KnownNames(["patient001"], "case")
    remedies = []
    for number in range(150):
        with pytest.raises(InputError) as caught:
            names.find(f"patient{number:03}x")
        remedies.append("did you mean" in str(caught.value) or "known:" in str(caught.value))
    assert remedies == [True] * 100 + [False] * 50
