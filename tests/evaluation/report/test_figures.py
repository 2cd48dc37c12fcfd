import re

import numpy as np
import pandas as pd
import pytest

from medsize.evaluation.report import figures

METRICS = pd.DataFrame(
    {
        "case": list("abcdef"),
        "phase": ["ED", "ES"] * 3,
        "pathology": ["DCM"] * 6,
        "structure": ["lv"] * 6,
        "dice_scan": [0.5, 0.9, 0.8, 0.85, 0.95, 0.7],
        "volume_true_ml": [100.0, 60, 120, 70, 90, 80],
        "volume_predicted_ml": [110.0, 60, 115, 75, 90, 70],
    }
)
SIZES = pd.DataFrame(
    {
        "structure": ["background", "lv"] * 3,
        "exact_fraction": [0.98, 0.02, 0.97, 0.03, 1.0, 0.0],
        "given_fraction": [0.98, 0.021, 0.97, 0.028, 1.0, np.nan],
    }
)


def texts(svg):
    return re.findall(r">([^<>]+)</text>", svg)


def dots(svg):
    """How many circles a figure draws, as uses of a marker with an opacity."""
    return len(re.findall(r"<use [^>]*fill-opacity", svg))


def epochs(count, **parts):
    return pd.DataFrame({"epoch": np.arange(1, count + 1), "loss": np.linspace(2, 1, count), **parts})


def test_the_loss_is_drawn_with_its_parts():
    svg = figures.loss_curves(epochs(3, size_target=[1, 2, 3], sparse_crf=[1, 1, 1]), ("size_target", "sparse_crf"))
    assert {"total", "size target", "sparse CRF", "epoch", "Loss"} <= set(texts(svg))


def test_a_single_part_needs_no_total():
    svg = figures.loss_curves(epochs(3, cross_entropy=[3, 2, 1]), ("cross_entropy",))
    assert "total" not in texts(svg)


@pytest.mark.parametrize(("values", "log"), [([1.0, 0.1, 0.01], True), ([1.0, 0.1, 0.0], False)])
def test_losses_are_on_a_log_axis_unless_one_is_zero(values, log):
    svg = figures.loss_curves(epochs(3, cross_entropy=values), ("cross_entropy",))
    assert ("0.01" in texts(svg) and "0.1" in texts(svg)) is log


def test_stages_are_named_where_they_begin_and_their_parts_may_be_missing_elsewhere():
    parts = ("cross_entropy", "consolidation")
    curves = epochs(3, cross_entropy=[1.0, 0.1, 0.01], consolidation=[np.nan, 0.2, 0.1])
    svg = figures.loss_curves(curves, parts, (("whole", 1), ("small", 2)))
    assert {"whole", "small", "consolidation"} <= set(texts(svg))
    assert "0.01" in texts(svg)


def test_epochs_are_whole_numbers():
    validations = pd.DataFrame({"epoch": [1, 2, 3], "lv": [0.1, 0.5, 0.6]})
    svg = figures.validation_curves(validations, ("lv",), 2)
    assert "best" in texts(svg)
    assert "1.5" not in texts(svg)


def test_without_best_nothing_is_marked_and_structures_are_named_where_there_are_several():
    validations = pd.DataFrame({"epoch": [1, 2], "lv": [0.1, 0.5], "rv": [np.nan, np.nan]})
    svg = figures.validation_curves(validations, ("lv", "rv"), None)
    assert "best" not in texts(svg)
    assert {"lv", "rv"} <= set(texts(svg))


def test_dice_is_drawn_against_size_where_both_are_known():
    odd = METRICS.assign(volume_true_ml=[0.0, 60, 120, 70, 90, 80], dice_scan=[0.5, np.nan, 0.8, 0.85, 0.95, 0.7])
    svg = figures.dice_by_size(odd, ("lv",))
    assert dots(svg) == 4
    assert "true volume, mL" in texts(svg)
    both = pd.concat([METRICS, METRICS.assign(structure="rv")])
    assert {"lv", "rv"} <= set(texts(figures.dice_by_size(both, ("lv", "rv"))))


def test_volumes_have_a_dot_a_case():
    svg = figures.volume_scatter(METRICS, ("lv",))
    assert dots(svg) == 6
    assert {"true, mL", "predicted, mL"} <= set(texts(svg))


def test_differences_of_one_structure_carry_bias_and_limits():
    difference = np.array([10, 0, -5, 5, 0, -10])
    spread = 1.96 * difference.std(ddof=1)
    svg = figures.volume_differences(METRICS, ("lv",))
    assert {"bias", "+0.0", "+1.96 SD", f"+{spread:.1f}", "−1.96 SD", f"−{spread:.1f}"} <= set(texts(svg))


def test_differences_of_several_structures_or_one_case_carry_none():
    both = pd.concat([METRICS, METRICS.assign(structure="rv")])
    assert not any("bias" in text for text in texts(figures.volume_differences(both, ("lv", "rv"))))
    assert not any("bias" in text for text in texts(figures.volume_differences(METRICS[:1], ("lv",))))


def test_sizes_have_a_dot_a_slice_that_holds_the_structure():
    svg = figures.size_scatter(SIZES, ("lv",), x="exact_fraction", y="given_fraction", name="sizes")
    assert dots(svg) == 2
    assert {"exact, % of the slice", "given, % of the slice", "Given against exact size"} <= set(texts(svg))


def test_sizes_that_nobody_knows_make_an_empty_figure():
    unknown = SIZES.assign(exact_fraction=np.nan)
    svg = figures.size_scatter(unknown, ("lv",), x="exact_fraction", y="given_fraction", name="sizes")
    assert dots(svg) == 0


def test_many_dots_are_fainter():
    many = pd.concat([METRICS] * 60)
    assert "fill-opacity: 0.25" in figures.volume_scatter(many, ("lv",))
    assert "fill-opacity: 0.55" in figures.volume_scatter(METRICS, ("lv",))
