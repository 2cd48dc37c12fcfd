"""Values of many cases side by side: a dot a case, a box for the quartiles, a line for the median."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from numpy.typing import NDArray

from medsize.evaluation.report.svg import GRID, INK, MUTED, SERIES, new_axes, page_style, to_svg
from medsize.metrics.statistics import quantile
from medsize.text import printable

_WIDTH: Final = 4.9
_LONGEST_NAME: Final = 26
_MARGIN: Final = 0.03


@dataclass(frozen=True, slots=True)
class Row:
    """One row of such a figure.

    Attributes:
        name: What stands beside it.
        values: One a case, all defined; infinite ones are drawn at the edge.
        colour: Of the dots.
        mean: Their mean with its interval (low, mean, high), where it is to be drawn.
    """

    name: str
    values: NDArray[np.float64]
    colour: str
    mean: tuple[float, float, float] | None = None


def spread_figure(rows: list[Row], *, title: str, name: str, description: str, axis: tuple[float, float]) -> Markup:
    """Draw rows of values.

    Args:
        rows: From top to bottom.
        title: Of the figure.
        name: Of the figure on the page.
        description: For readers who do not see it.
        axis: The smallest and the largest value that the axis must hold.
    """
    left, right = axis
    margin = _MARGIN * ((right - left) or 1.0)
    with page_style():
        figure, axes = new_axes(_WIDTH, 0.9 + 0.36 * len(rows))
        jitter = np.random.default_rng(0)
        for place, row in enumerate(rows):
            _draw(axes, place, row, (left - margin / 2, right + margin / 2), jitter)
        axes.set_yticks(range(len(rows)), [f"{_short(row.name)}  ({len(row.values)})" for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(left - margin, right + margin)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_title(title, x=0)
        return to_svg(figure, name=name, description=description)


def rows_by_group(metrics: pd.DataFrame, measure: str, number: int) -> list[Row]:
    """Return rows of all cases, of each phase and of each pathology, as far as these tell cases apart.

    Args:
        metrics: Rows of ``metrics.csv`` of one checkpoint, split and structure.
        measure: The column.
        number: Place of the structure among all, from 0.
    """
    defined = metrics[metrics[measure].notna()]
    parts: Mapping[str, pd.DataFrame] = {"all": defined}
    for column in ("phase", "pathology"):
        groups = {str(name): part for name, part in defined.groupby(column) if name}
        parts = {**parts, **groups} if len(groups) > 1 else parts
    return [
        Row(name, part[measure].to_numpy(np.float64), series(number) if place == 0 else MUTED)
        for place, (name, part) in enumerate(parts.items())
    ]


def series(number: int) -> str:
    """Return the colour of the structure or run with this number, from 0."""
    return SERIES[number % len(SERIES)]


def _draw(axes: Axes, place: int, row: Row, edges: tuple[float, float], jitter: np.random.Generator) -> None:
    if not len(row.values):
        return
    low, median, high = (float(np.clip(quantile(row.values, share), *edges)) for share in (0.25, 0.5, 0.75))
    axes.barh(place, high - low, 0.62, low, color=GRID, linewidth=0, zorder=1)
    heights = place + jitter.uniform(-0.2, 0.2, len(row.values))
    alpha = 0.55 if len(row.values) < 300 else 0.25
    values = np.clip(row.values, *edges)
    axes.scatter(values, heights, s=16, alpha=alpha, linewidths=0, color=row.colour, zorder=2)
    axes.plot([median, median], [place - 0.36, place + 0.36], color=INK, linewidth=1.6, zorder=3)
    if row.mean and np.isfinite(row.mean).all():
        low, mean, high = row.mean
        axes.plot([low, high], [place + 0.4, place + 0.4], color=INK, linewidth=1.4, zorder=4)
        axes.plot(mean, place + 0.4, "D", color=INK, markersize=3.6, zorder=4)


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME // 2]}…{name[1 - _LONGEST_NAME // 2 :]}"
