import pytest

from medsize.errors import InputError
from medsize.supervision.size_table.entry import UNITS
from medsize.supervision.size_table.units import SPELLINGS, read_unit


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_read_as_itself_in_any_case(unit: str) -> None:
    assert read_unit(unit) == read_unit(unit.upper()) == read_unit(f" {unit.title()} ") == unit


def test_no_spelling_stands_for_two_units() -> None:
    spellings = [spelling for text in SPELLINGS.values() for spelling in text.split(", ")]
    assert len(spellings) == len(set(spellings))


OTHERS = {
    "mL": "ml",
    "cm³": "ml",
    "ccm": "ml",
    "CC": "ml",
    "Milliliter": "ml",
    "mm³": "mm3",
    "µl": "mm3",
    "μL": "mm3",
    "mm²": "mm2",
    "cm²": "cm2",
    "%": "percent",
    "Prozent": "percent",
    "per cent": "percent",
    "px": "pixels",
    "Pixel": "pixels",
    "voxel": "voxels",
    "5x4": "cells 5x4",
    "cells 5×4": "cells 5x4",
    "5 x 4 cells": "cells 5x4",
    "cells of 5x4 grid": "cells 5x4",
    "grid cells 3*3": "cells 3x3",
    "cell 3 x 3": "cells 3x3",
}


@pytest.mark.parametrize(("text", "unit"), OTHERS.items(), ids=OTHERS)
def test_other_spellings_are_read(text: str, unit: str) -> None:
    assert read_unit(text) == unit


@pytest.mark.parametrize("text", ["", "l", "m", "mm", "cm", "cells 4x5", "stones", "ml ml"])
def test_what_is_no_unit_is_refused_with_all_units(text: str) -> None:
    with pytest.raises(InputError, match=r"unknown unit\n.*ml, mm3, mm2"):
        read_unit(text)


@pytest.mark.parametrize("text", ["cells", "cell", "Grid"])
def test_cells_of_no_grid_are_refused_with_both_grids(text: str) -> None:
    with pytest.raises(InputError, match=r"which grid\?\n.*5x4.*3x3"):
        read_unit(text)
