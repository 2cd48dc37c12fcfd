"""The histogram of relative errors, as P0 Fig. 5 draws it."""

import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from medsize.errors import InputError
from medsize.files import atomic_path
from medsize.supervision.size_table.compare import BIN, Comparison, histogram

FORMATS = (".svg", ".png", ".pdf")


def draw_errors(comparison: Comparison, path: Path) -> None:
    """Draw the relative errors of each structure, normalised over its items.

    The dashed line is the normal distribution of P0 eq. 15 that has the same mean relative error (eq. 16).

    Args:
        comparison: Of two tables.
        path: An SVG, PNG or PDF.

    Raises:
        InputError: The name ends otherwise, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot draw {path}", expected=f"a name that ends in {', '.join(FORMATS)}")
    errors = comparison.errors.dropna(subset="relative_error")
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "medsize", "font.size": 9}):
        figure = Figure(figsize=(7.5, 3.2), layout="constrained")
        axes = figure.add_subplot()
        groups = list(errors.groupby("structure", sort=False)["relative_error"])
        for number, (structure, of_structure) in enumerate(groups):
            edges, shares = histogram(of_structure)
            lefts = [edge + BIN * (0.05 + 0.9 * number / len(groups)) for edge in edges]
            label = f"{structure}: mRE {of_structure.abs().mean():.1%}"
            axes.bar(lefts, shares, 0.9 * BIN / len(groups), align="edge", label=label)
        mean = float(errors["relative_error"].abs().mean())
        sigma = mean * math.sqrt(math.pi / 2)
        if sigma > 0:
            at = np.linspace(max(-3.5 * sigma, -1), 3.5 * sigma, 201)  # no size is below 0
            density = BIN / (sigma * math.sqrt(2 * math.pi)) * np.exp(-((at / sigma) ** 2) / 2)
            axes.plot(at, density, "k--", linewidth=1, label=f"normal, mRE {mean:.1%} (σ {sigma:.1%})")
        axes.set(xlabel="relative error", ylabel="share of the items")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}" if value else "0")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside right upper", frameon=False)
        with atomic_path(path) as partial:
            metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
            figure.savefig(partial, format=path.suffix.lower()[1:], dpi=150, metadata=metadata)
