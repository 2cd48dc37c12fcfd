import pytest

from medsize.errors import InputError
from medsize.supervision.size_table.number_format import shown_text

SHOWN = {
    # the number is all that the cell shows
    ("General", 0.85): None,
    ("0.00", 0.85): None,
    ("#,##0.0", 1400.0): None,
    ("# ##0", 1400.0): None,
    ("# ?/?", 2.5): None,
    ("# ??/16", 2.5): None,
    ("0.00E+00", 140.0): None,
    ("@", 140.0): None,
    ("_%0.0", 0.85): None,
    ("*%0.0", 0.85): None,
    ("[Red]0.0", 0.85): None,
    ("[Color 5][$-409]0.0", 0.85): None,
    ('_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', 12.5): None,
    ('_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', 0.0): None,
    # a percent sign that stands alone multiplies by 100
    ("0%", 0.35): "35.0 %",
    ("0.00%", 0.0): "0.0 %",
    ("0.0 %", 0.35): "35.0 %",
    ("0.0\\ %", 0.35): "35.0 %",
    ("[Red]0%", 0.35): "35.0 %",
    ("%0", 0.35): "% 35.0",
    ("0%;-0%", 0.35): "35.0 %",
    ('0%;"-"0%;"none"', 0.35): "35.0 %",
    ("[<1]0%;0", 0.35): "35.0 %",
    ("[<1]0%;0", 35.0): None,
    ("[>=1]0;[<=0.5]0%;0.0", 0.35): "35.0 %",
    # in quotes or behind a backslash it is text
    ("0.00\\%", 0.85): "0.85 %",
    ('0.00"%"', 0.85): "0.85 %",
    ('0.00" %"', 0.85): "0.85 %",
    ("0.00[$%]", 0.85): "0.85 %",
    ("0.00[$%-407]", 0.85): "0.85 %",
    ('0.00"%";-0.00"%"', 0.85): "0.85 %",
    # and so is a unit
    ('0.0" ml"', 140.0): "140.0 ml",
    ('General" cm³"', 140.0): "140.0 cm³",
    ('"ca. "0', 140.0): "ca. 140.0",
    ('0.0";"', 140.0): "140.0 ;",
}


@pytest.mark.parametrize(("cell", "expected"), SHOWN.items(), ids=[f"{value:g} as {code}" for code, value in SHOWN])
def test_a_number_is_what_its_cell_shows(cell: tuple[str, float], expected: str | None) -> None:
    number_format, value = cell
    assert shown_text(value, number_format) == expected


@pytest.mark.parametrize(
    ("number_format", "value"),
    [
        ("0.0,", 1400.0),
        ("#,##0,,", 1e6),
        ("0,.0", 1400.0),
        ("0-0", 35.0),
        ('"1"0', 5.0),
        ('0" 000"', 5.0),
        ('0".5"', 3.0),
    ],
)
def test_a_cell_that_shows_another_number_than_it_holds_is_refused(number_format: str, value: float) -> None:
    with pytest.raises(InputError, match=r"the cell holds .* and does not show it(?s:.)*format General"):
        shown_text(value, number_format)


def test_a_condition_that_is_none_holds_for_nothing() -> None:
    assert shown_text(0.5, "[<1.2.3]0%;0.0") is None
