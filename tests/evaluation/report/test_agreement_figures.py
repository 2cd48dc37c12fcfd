import re

import numpy as np
import pytest

from medsize.evaluation.report.agreement_figures import bland_altman, scatter
from medsize.evaluation.report.spread_figure import series
from medsize.metrics.agreement import agreement

PREDICTED = np.array([100.0, 120, 90, 60])
TRUE = np.array([95.0, 125, 80, 66])
ABOUT = {"title": "lv ED volume", "unit": "mL", "colour": series(0), "name": "figure"}


def texts(svg):
    return set(re.findall(r">([^<>]+)</text>", svg))


def dots(svg):
    return len(re.findall(r"<use [^>]*fill-opacity", svg))


def test_the_scatter_has_a_dot_a_patient_and_the_correlation():
    svg = scatter(PREDICTED, TRUE, agreement(PREDICTED, TRUE), **ABOUT)
    assert dots(svg) == 4
    r = np.corrcoef(PREDICTED, TRUE)[0, 1]
    assert {f"lv ED volume, r = {r:.2f}", "true, mL", "predicted, mL"} <= texts(svg)


def test_bland_and_altman_have_bias_and_limits_beside_the_axes():
    found = agreement(PREDICTED, TRUE)
    svg = bland_altman(PREDICTED, TRUE, found, **ABOUT)
    assert dots(svg) == 4
    figures = {f"{value:+.1f}".replace("-", "−") for value in (found.bias, found.low, found.high)}
    assert {"bias", "+1.96 SD", "−1.96 SD"} | figures <= texts(svg)


@pytest.mark.parametrize(("predicted", "true"), [([5.0], [5.0]), ([5.0, 6.0], [5.0, 6.0])])
def test_one_patient_or_none_that_differs_has_a_bias_alone(predicted, true):
    svg = bland_altman(np.array(predicted), np.array(true), agreement(predicted, true), **ABOUT)
    assert "bias" in texts(svg)
    assert "+1.96 SD" not in texts(svg)
    assert "lv ED volume" in texts(scatter(np.array(predicted), np.array(true), agreement(predicted, true), **ABOUT))
