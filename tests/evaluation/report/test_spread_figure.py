import math
import re

import numpy as np
import pandas as pd
import pytest

from medsize.evaluation.report.spread_figure import Row, rows_by_group, series, spread_figure
from medsize.evaluation.report.svg import MUTED

METRICS = pd.DataFrame(
    {
        "phase": ["ED", "ES"] * 3,
        "pathology": ["DCM"] * 6,
        "dice_scan": [0.5, 0.9, 0.8, 0.85, 0.95, math.nan],
    }
)


def draw(*rows, axis=(0.0, 1.0)):
    return spread_figure(list(rows), title="Dice", name="figure", description="Some figure", axis=axis)


def texts(svg):
    return re.findall(r">([^<>]+)</text>", svg)


def dots(svg):
    """Positions of the circles, from the left."""
    return sorted(float(x) for x in re.findall(r'<use [^>]*x="([\d.]+)"[^>]*fill-opacity', svg))


def test_a_row_has_a_dot_a_case_and_its_number_of_cases():
    svg = draw(Row("all", np.array([0.2, 0.5, 0.9]), series(0)), Row("ED", np.array([0.5]), MUTED))
    assert len(dots(svg)) == 4
    assert {"Dice", "all  (3)", "ED  (1)"} <= set(texts(svg))


def test_an_infinite_value_lies_at_the_edge_and_not_nowhere():
    finite, infinite = (draw(Row("all", np.array([0.2, 0.5, x]), series(0))) for x in (1.0, math.inf))
    assert len(dots(infinite)) == 3
    assert dots(infinite)[-1] > dots(finite)[-1]


@pytest.mark.parametrize("values", [[], [0.5], [math.inf], [math.inf, math.inf]])
def test_few_or_no_finite_values_can_be_drawn(values):
    assert "<svg" in draw(Row("all", np.array(values), series(0), (math.nan, math.nan, math.nan)), axis=(0.5, 0.5))


def test_the_mean_is_drawn_where_its_interval_is_known():
    row = Row("a", np.array([0.2, 0.4]), series(0))
    assert len(draw(Row("a", row.values, row.colour, (0.2, 0.3, 0.4)))) > len(draw(row))


def test_cases_are_divided_by_what_tells_them_apart_and_undefined_ones_left_out():
    rows = rows_by_group(METRICS, "dice_scan", 0)
    assert [(row.name, len(row.values)) for row in rows] == [("all", 5), ("ED", 3), ("ES", 2)]
    assert [row.colour for row in rows] == [series(0), MUTED, MUTED]


def test_there_are_colours_for_any_number_of_structures():
    assert series(0) == series(8) != series(1)


def test_a_long_name_is_shortened_in_its_middle():
    name = "run_of_the_network_with_a_very_long_name_seed_17"
    (shown,) = (text for text in texts(draw(Row(name, np.array([0.5]), series(0)))) if "…" in text)
    assert shown.startswith("run_of_the")
    assert shown.endswith("seed_17  (1)")
    assert len(shown) <= 32
