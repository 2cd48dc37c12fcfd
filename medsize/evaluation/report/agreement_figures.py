"""Predicted against true figures of many patients, as a scatter and after Bland and Altman."""

from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from numpy.typing import NDArray

from medsize.evaluation.report.number_words import number
from medsize.evaluation.report.svg import GRID, INK, MUTED, new_axes, page_style, to_svg
from medsize.metrics.agreement import Agreement

_SIZE: Final = (3.2, 2.6)

Values = NDArray[np.float64]


def scatter(
    predicted: Values, true: Values, found: Agreement, *, title: str, unit: str, colour: str, name: str
) -> Markup:
    """Draw predicted against true figures with the line of identity.

    Args:
        predicted: (n,).
        true: (n,).
        found: Their agreement.
        title: What is compared.
        unit: Of the figures.
        colour: Of the dots.
        name: Of the figure on the page.
    """
    with page_style():
        figure, axes = new_axes(*_SIZE)
        both = np.concatenate([predicted, true])
        margin = 0.06 * float(np.ptp(both)) or 1.0
        ends = (float(both.min()) - margin, float(both.max()) + margin)
        axes.plot(ends, ends, color=MUTED, linewidth=1, zorder=1)
        _dots(axes, true, predicted, colour)
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        axes.set_xlabel(f"true, {unit}")
        axes.set_ylabel(f"predicted, {unit}")
        r = f", r = {number(found.correlation, 2)}" if not np.isnan(found.correlation) else ""
        axes.set_title(f"{title}{r}")
        return to_svg(figure, name=name, description=f"Predicted against true {title} of every patient")


def bland_altman(
    predicted: Values, true: Values, found: Agreement, *, title: str, unit: str, colour: str, name: str
) -> Markup:
    """Draw differences against means, with bias, limits of agreement and the 95 % intervals of all three.

    Args:
        predicted: (n,).
        true: (n,).
        found: Their agreement.
        title: What is compared.
        unit: Of the figures.
        colour: Of the dots.
        name: Of the figure on the page.
    """
    difference = predicted - true
    with page_style():
        figure, axes = new_axes(*_SIZE)
        axes.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
        _dots(axes, (predicted + true) / 2, difference, colour)
        _lines(axes, difference, found)
        axes.set_xlabel(f"mean of both, {unit}")
        axes.set_ylabel(f"predicted − true, {unit}")
        axes.set_title(f"{title}, differences")
        description = f"Difference of predicted and true {title} against their mean, after Bland and Altman"
        return to_svg(figure, name=name, description=description)


def _dots(axes: Axes, x: Values, y: Values, colour: str) -> None:
    axes.scatter(x, y, s=18, alpha=0.7, linewidths=0, color=colour, zorder=3)


def _lines(axes: Axes, difference: Values, found: Agreement) -> None:
    heights = [0.0, *difference.tolist(), found.low, found.high]
    known = [height for height in heights if not np.isnan(height)]
    margin = 0.14 * (max(known) - min(known)) or 1.0
    axes.set_ylim(min(known) - margin, max(known) + margin)
    lines = (
        (found.high, found.high_interval, "+1.96 SD"),
        (found.bias, found.bias_interval, "bias"),
        (found.low, found.low_interval, "−1.96 SD"),
    )
    axes.margins(x=0.08)
    for height, ends, text in lines:
        if np.isnan(height) or (text != "bias" and found.low == found.high):
            continue
        if not np.isnan(ends).any():
            axes.axhspan(*ends, color=GRID, alpha=0.6, linewidth=0, zorder=0, clip_on=True)
        mark_level(axes, height, text)


def mark_level(axes: Axes, height: float, text: str) -> None:
    """Draw a dashed level, with its name and figure beside the axes, where no dot can lie under them."""
    axes.axhline(height, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
    axes.annotate(
        f"{text}\n{number(height, 1, sign=True)}",
        (1, height),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=INK,
    )
