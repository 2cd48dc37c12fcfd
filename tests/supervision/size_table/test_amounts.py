import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.errors import InputError
from medsize.supervision.size_table.amounts import Amount, decimal_marks, read_amount

GOOD = {
    "": Amount(),
    "?": Amount(),
    "-": Amount(),
    "–": Amount(),
    "n/a": Amount(),
    "0": Amount(0),
    "140": Amount(140),
    " 140 ": Amount(140),
    "0.125": Amount(0.125),
    "0,125": Amount(0.125),
    ".5": Amount(0.5),
    ",5": Amount(0.5),
    "1e-05": Amount(1e-5),
    "1,5E3": Amount(1500),
    "1,5": Amount(1.5),
    "1.5": Amount(1.5),
    "1 234,5": Amount(1234.5),
    "1 234.5": Amount(1234.5),
    "1\u00a0234,5": Amount(1234.5),
    "1\u202f234,5": Amount(1234.5),
    "1\u2009234": Amount(1234),
    "1.234,5": Amount(1234.5),
    "1,234.5": Amount(1234.5),
    "1.234.567": Amount(1234567),
    "1'234.5": Amount(1234.5),
    "1’234": Amount(1234),
    "1234,567": Amount(1234.567),
    "1,2340": Amount(1.234),
    "~140": Amount(140),
    "≈ 140": Amount(140),
    "ca. 140": Amount(140),
    "ca 140 ml": Amount(140, unit="ml"),
    "Circa 140": Amount(140),
    "approx. 140": Amount(140),
    "etwa 1,5 ml": Amount(1.5, unit="ml"),
    "120-150": Amount(low=120, high=150),
    "120 – 150 ml": Amount(low=120, high=150, unit="ml"),
    "120—150": Amount(low=120, high=150),
    "120−150": Amount(low=120, high=150),
    "120 to 150": Amount(low=120, high=150),
    "120 bis 150 ml": Amount(low=120, high=150, unit="ml"),
    "120 à 150": Amount(low=120, high=150),
    "120…150": Amount(low=120, high=150),
    "120 ml - 150 ml": Amount(low=120, high=150, unit="ml"),
    "~120-150": Amount(low=120, high=150),
    "1,5-2,5": Amount(low=1.5, high=2.5),
    "<5": Amount(low=0, high=5),
    "< 5 ml": Amount(low=0, high=5, unit="ml"),
    "≤ ca. 5": Amount(low=0, high=5),
    "<=5": Amount(low=0, high=5),
    ">5": Amount(low=5),
    "≥ 5 %": Amount(low=5, unit="percent"),
    "140 (120-150)": Amount(140, 120, 150),
    "140 ml (120 – 150)": Amount(140, 120, 150, "ml"),
    "140 (120-150) ml": Amount(140, 120, 150, "ml"),
    "100±20": Amount(100, 80, 120),
    "100 ± 20 ml": Amount(100, 80, 120, "ml"),
    "100 +/- 20": Amount(100, 80, 120),
    "100 ml ± 20 %": Amount(100, 80, 120, "ml"),
    "30 % ± 5 %": Amount(30, 25, 35, "percent"),
    "5 ± 8": Amount(5, 0, 13),
    "35%": Amount(35, unit="percent"),
    "35 %": Amount(35, unit="percent"),
    "0,5 %": Amount(0.5, unit="percent"),
    "140ml": Amount(140, unit="ml"),
    "140 mL": Amount(140, unit="ml"),
    "140 ML.": Amount(140, unit="ml"),
    "140 cm³": Amount(140, unit="ml"),
    "140 cm3": Amount(140, unit="ml"),
    "140 ccm": Amount(140, unit="ml"),
    "12 mm²": Amount(12, unit="mm2"),
    "12 mm2": Amount(12, unit="mm2"),
    "300 px": Amount(300, unit="pixels"),
    "1/2": Amount(0.5),
    "2 1/2": Amount(2.5),
    "½": Amount(0.5),
    "2½ cells 5x4": Amount(2.5, unit="cells 5x4"),
    "3 ¾": Amount(3.75),
    "2 1/2 - 3 1/2": Amount(low=2.5, high=3.5),
    "2,5 cells 5x4": Amount(2.5, unit="cells 5x4"),
    "3 Cells 3 × 3": Amount(3, unit="cells 3x3"),
}


@pytest.mark.parametrize(("cell", "amount"), GOOD.items(), ids=map(repr, GOOD))
def test_a_spelling_is_read(cell: str, amount: Amount) -> None:
    assert read_amount(cell, None) == amount


BAD = {
    "1,234": "'1,234' can be read in two ways",
    "1.234": "'1.234' can be read in two ways",
    "12,345 ml": "'12,345' can be read in two ways",
    "1,234-1,500": "'1,234' can be read in two ways",
    "1 23": "'1 23' is not a number",
    "1/0": "'1/0' is not a fraction",
    "3/2": "'3/2' is not a fraction",
    "1/2/3": "not a size|a date",
    "1,23,456": "'1,23,456' is not a number",
    "1.234,567,890": "not a number",
    "12 34 567": "not a number",
    "-5": "cannot be negative",
    "−5 ml": "cannot be negative",
    "nan": "not a size",
    "inf": "not a size",
    "1e400": "not a size",
    "large": "not a size",
    "ca.": "not a size",
    "<": "not a size",
    "< 120-150": "not a size",
    "120-": "not a size",
    "12-13-141": "not a size",
    "5 6 7 ml": "not a number",
    "120 ml 150": "not a size",
    "140 l": "unknown unit",
    "140 bananas": "unknown unit",
    "3 cells": "cells of which grid",
    "3 cells 4x5": "unknown unit",
    "120 ml - 150 %": "two units",
    "100 ± 20 %": "percent of what",
    "#N/A": "error of the spreadsheet",
    "#VALUE!": "error of the spreadsheet",
    "3-May": "a date",
    "05. Mrz": "a date",
    "Mar 05": "a date",
    "03.05.2024": "a date",
    "3/5/24": "a date",
    "2024-05-03 00:00:00": "a date",
}


@pytest.mark.parametrize(("cell", "message"), BAD.items(), ids=map(repr, BAD))
def test_what_is_no_size_is_refused_and_quoted(cell: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_amount(cell, None)


def test_two_readings_are_both_told_and_how_to_write_each() -> None:
    with pytest.raises(InputError, match=r"1234 with '\.' as the decimal mark, 1\.234 with ','\n.*1,2340 or 1234"):
        read_amount("1,234", None)


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [("1,234", ",", 1.234), ("1,234", ".", 1234), ("1.234", ".", 1.234), ("1.234", ",", 1234)],
)
def test_a_known_decimal_mark_settles_two_readings(cell: str, decimal: str, value: float) -> None:
    assert read_amount(cell, decimal).value == value


def test_a_number_with_one_reading_keeps_it_whatever_the_decimal_mark() -> None:
    assert read_amount("1,5", ".").value == 1.5


PROOFS = {
    ("1,5",): {","},
    ("1.5",): {"."},
    ("1,234",): set(),
    ("1.234", "7", "ca. 12", ""): set(),
    ("1,234.5",): {"."},
    ("1.234.567",): {","},
    ("~0,123 ml",): {","},
    ("12-13,5",): {","},
    ("1,5", "1.5"): {",", "."},
}


@pytest.mark.parametrize(("cells", "marks"), PROOFS.items(), ids=map(str, PROOFS))
def test_cells_prove_decimal_marks(cells: tuple[str, ...], marks: set[str]) -> None:
    assert decimal_marks(cells) == marks


def spelled(number: float, decimal: str, thousands: str, digits: int) -> str:
    text = f"{number:,.{digits}f}"
    return text.translate({ord(","): thousands, ord("."): decimal})


LOCALES = {"en": (".", ","), "de": (",", "."), "fr": (",", "\u202f"), "ch": (".", "’"), "plain": (".", "")}


@pytest.mark.parametrize("locale", LOCALES)
@given(number=st.floats(0, 1e7), digits=st.sampled_from([1, 2, 4, 5, 6]))
def test_numbers_of_every_country_are_read(locale: str, number: float, digits: int) -> None:
    text = spelled(number, *LOCALES[locale], digits)
    assert read_amount(text, None).value == pytest.approx(round(number, digits), abs=1e-9)


@given(st.text("0123456789.,' -~<>±%mlc³()", max_size=12))
def test_any_text_is_a_size_in_finite_numbers_or_an_input_error(text: str) -> None:
    try:
        amount = read_amount(text, None)
    except InputError:
        return
    numbers = [number for number in (amount.value, amount.low, amount.high) if number is not None]
    assert all(number >= 0 and math.isfinite(number) for number in numbers)


def test_the_examples_of_the_guide_are_read_without_the_help_of_others() -> None:
    guide = (Path(__file__).parents[3] / "docs/how-to/sizes-from-people.md").read_text(encoding="utf-8")
    table = guide.partition("| cell | means |")[2].partition("\n\n")[0]
    cells = [cell for line in table.splitlines()[2:] for cell in re.findall("`(.*?)`", line.split("|")[1])]
    assert len(cells) > 15
    for cell in cells:
        read_amount(cell, None)
    for cell in ("1,234", "100 ± 20 %", "3 cells"):
        assert f"`{cell}`" in guide
        with pytest.raises(InputError):
            read_amount(cell, None)
