"""The figures of photos: IoU of objects by their size, and of photos."""

from typing import Final

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, NullFormatter

from medsize.evaluation.report.spread_figure import Row, series, spread_figure
from medsize.evaluation.report.svg import INK, MUTED, new_axes, page_style, to_svg

_WIDTH: Final = 4.9
_BINS: Final = 10
_MOST_DOTS: Final = 1000


def iou_by_area(objects: pd.DataFrame, limits_pixels: tuple[float, float]) -> Markup:
    """Draw the IoU of objects against their area, a dot an object, with the median of equally many at a time.

    Args:
        objects: Rows of ``instances.csv``.
        limits_pixels: Areas from which objects are medium, and large.
    """
    ordered = objects.sort_values("area_pixels", kind="stable")
    area, iou = ordered["area_pixels"].to_numpy(np.float64), ordered["iou"].to_numpy(np.float64)
    parts = np.array_split(np.arange(len(area)), min(_BINS, max(len(area) // 5, 1)))
    with page_style():
        figure, axes = new_axes(_WIDTH, 3.1)
        alpha = 0.55 if len(area) < 300 else 0.25
        axes.scatter(area, iou, s=14, alpha=alpha, linewidths=0, color=series(0), zorder=2)
        axes.plot(
            [np.median(area[part]) for part in parts],
            [np.median(iou[part]) for part in parts],
            color=INK,
            marker="o",
            markersize=3,
            zorder=3,
        )
        for limit in limits_pixels:
            axes.axvline(limit, color=MUTED, linestyle=":", linewidth=1.2)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda pixels, _: f"{pixels:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(-0.03, 1.03)
        axes.set_title("IoU and size of objects")
        axes.set_xlabel("area in the label, pixels")
        axes.set_ylabel("IoU")
        return to_svg(figure, name="iou-by-area", description="IoU of every object against its area, with medians")


def spread_of_photos(values: pd.Series, measure: str, structures: pd.Series) -> Markup:
    """Draw the figure of each photo, and of the structures in most photos.

    Args:
        values: Of each photo and structure.
        measure: What they are called.
        structures: Of each value.
    """
    rows = [Row("all", _some(values), series(0))]
    if structures.nunique() > 1:
        most = structures.value_counts().head(8).index
        rows += [Row(str(name), _some(values[structures == name]), MUTED) for name in most]
    return spread_figure(
        rows,
        title=f"{measure} in each photo",
        name="photos",
        description=f"{measure} of the structures in each held-out photo",
        axis=(0.0, 1.0),
    )


def _some(values: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = np.sort(values.to_numpy(np.float64))
    if len(found) > _MOST_DOTS:
        found = found[np.linspace(0, len(found) - 1, _MOST_DOTS).round().astype(np.intp)]
    return found
