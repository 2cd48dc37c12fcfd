"""The figures of the report: curves, distributions and scatters."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from medsize.config.objective import ObjectiveConfig
from medsize.evaluation.report.agreement_figures import mark_level
from medsize.evaluation.report.svg import INK, MUTED, SERIES, new_axes, page_style, to_svg

_WIDTH: Final = 4.9


def loss_curves(epochs: pd.DataFrame, parts: Sequence[str], stages: Sequence[tuple[str, int]] = ()) -> Markup:
    """Draw the loss and its parts over the epochs.

    Args:
        epochs: The columns ``epoch``, ``loss`` and one a part, NaN in stages without it.
        parts: Names of these.
        stages: Name and first epoch of each stage, where there are any.
    """
    with page_style():
        figure, axes = new_axes(_WIDTH, 3.1)
        shown = [("loss", "total", INK)] if len(parts) != 1 else []
        shown += [(part, ObjectiveConfig.title(part), _colour(number)) for number, part in enumerate(parts)]
        for column, label, colour in shown:
            _curve(axes, epochs["epoch"], epochs[column], label, colour)
        axes.set_title("Loss")
        losses = epochs[[column for column, _, _ in shown]].to_numpy(np.float64)
        if not (losses <= 0).any():
            axes.set_yscale("log")
            decades = np.log10(np.nanmax(losses) / np.nanmin(losses)) if np.isfinite(losses).any() else 1
            # figures between the powers of ten too, where hardly one or two would be seen
            plain = FuncFormatter(lambda value, _: f"{value:.3g}")
            axes.yaxis.set_major_formatter(plain)
            if decades >= 1:
                axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
            axes.yaxis.set_minor_formatter(plain if decades < 2 else NullFormatter())
        _integer_epochs(axes)
        for name, first in stages:
            axes.axvline(first - 0.5, color=MUTED, linestyle=":", linewidth=1.2)
            where = ("data", "axes fraction")
            axes.annotate(name, (first - 0.5, 0.02), (3, 0), where, "offset points", color=MUTED, fontsize=9)
        axes.legend()
        return to_svg(figure, name="loss", description="The loss and its parts over the epochs of the training")


def validation_curves(validations: pd.DataFrame, structures: Sequence[str], best_epoch: int | None) -> Markup:
    """Draw the validation ``dice_scan`` of each structure over the epochs.

    Args:
        validations: The columns ``epoch`` and one a structure; NaN where it was undefined.
        structures: Names of these.
        best_epoch: Epoch of the checkpoint ``best``.
    """
    with page_style():
        figure, axes = new_axes(_WIDTH, 3.1)
        if many := len(structures) > len(SERIES):
            mean = validations[list(structures)].mean(axis=1)
            _curve(axes, validations["epoch"], mean, f"mean of {len(structures)} structures", _colour(0))
        for number, name in enumerate(() if many else structures):
            _curve(axes, validations["epoch"], validations[name], name, _colour(number))
        if best_epoch is not None:
            axes.axvline(best_epoch, color=MUTED, linestyle=":", linewidth=1.2)
            axes.annotate("best", (best_epoch, 0.02), (3, 0), textcoords="offset points", color=MUTED, fontsize=9)
        axes.set_ylim(0, 1)
        axes.set_title("Validation dice_scan")
        _integer_epochs(axes)
        if len(structures) > 1:
            axes.legend(loc="lower right")
        return to_svg(figure, name="validation", description="Validation dice_scan over the epochs of the training")


def dice_by_size(metrics: pd.DataFrame, structures: Sequence[str]) -> Markup:
    """Draw ``dice_scan`` against the true volume in mL, a dot a case and structure: do small ones fare worse?

    Args:
        metrics: Rows of ``metrics.csv`` of one checkpoint and split.
        structures: In class order.
    """
    present = metrics[(metrics["volume_true_ml"] > 0) & metrics["dice_scan"].notna()]
    with page_style():
        figure, axes = new_axes(_WIDTH, 3.1)
        for number, name in enumerate(structures):
            rows = present[present["structure"] == name]
            _dots(axes, rows["volume_true_ml"], rows["dice_scan"], _colour(number), name)
        _label(axes, "Dice and size", "true volume, mL", "dice_scan", ())
        if len(structures) > 1:  # beside the axes, where no dot can lie under it
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        return to_svg(figure, name="dice-by-size", description="dice_scan against true volume of every held-out case")


def volume_scatter(metrics: pd.DataFrame, structures: Sequence[str]) -> Markup:
    """Draw predicted against true volumes in mL, a dot a case and structure.

    Args:
        metrics: Rows of ``metrics.csv`` of one checkpoint and split.
        structures: In class order.
    """
    with page_style():
        figure, axes = new_axes(_WIDTH, 3.9)
        for number, name in enumerate(structures):
            rows = metrics[metrics["structure"] == name]
            _dots(axes, rows["volume_true_ml"], rows["volume_predicted_ml"], _colour(number), name)
        _identity(axes, metrics[["volume_true_ml", "volume_predicted_ml"]].to_numpy(np.float64))
        _label(axes, "Predicted and true volume", "true, mL", "predicted, mL", structures)
        return to_svg(figure, name="volumes", description="Predicted against true volume of every held-out case")


def volume_differences(metrics: pd.DataFrame, structures: Sequence[str]) -> Markup:
    """Draw predicted minus true volume against their mean, after Bland and Altman (Lancet 1986).

    Args:
        metrics: Rows of ``metrics.csv`` of one checkpoint and split.
        structures: In class order; bias and limits of agreement (bias ± 1.96 SD) are drawn for a single one.
    """
    difference = metrics["volume_predicted_ml"] - metrics["volume_true_ml"]
    mean = (metrics["volume_predicted_ml"] + metrics["volume_true_ml"]) / 2
    with page_style():
        figure, axes = new_axes(_WIDTH, 3.9)
        for number, name in enumerate(structures):
            rows = metrics["structure"] == name
            _dots(axes, mean[rows], difference[rows], _colour(number), name)
        axes.axhline(0, color=MUTED, linewidth=1)
        if len(structures) == 1 and len(difference) > 1:
            _limits_of_agreement(axes, difference.to_numpy(np.float64))
        _label(axes, "Difference of volumes", "mean of both, mL", "predicted − true, mL", structures)
        return to_svg(figure, name="differences", description="Difference of predicted and true volume of every case")


def size_scatter(
    sizes: pd.DataFrame, structures: Sequence[str], *, x: str, y: str, name: str, of: str = "slice"
) -> Markup:
    """Draw one kind of size of the training slices against another, a dot a slice that holds the structure.

    Args:
        sizes: Rows of ``training_sizes.csv``.
        structures: In class order.
        x: Column of the horizontal axis, ``…_fraction``.
        y: Column of the vertical axis.
        name: Of the figure on the page.
        of: What the sizes are about, ``"slice"`` or ``"volume"``.
    """
    known = sizes[(sizes[x] > 0) & sizes[y].notna()]
    drawn = known["structure"].isin(structures)
    with page_style():
        figure, axes = new_axes(_WIDTH, 3.9)
        if len(structures) > len(SERIES):  # more than anybody tells apart
            rows = known[drawn]
            _dots(axes, 100 * rows[x], 100 * rows[y], _colour(0))
            structures = ()
        for number, structure in enumerate(structures):
            rows = known[known["structure"] == structure]
            _dots(axes, 100 * rows[x], 100 * rows[y], _colour(number), structure)
        if len(known):
            _identity(axes, 100 * known.loc[drawn, [x, y]].to_numpy(np.float64))
        words = x.removesuffix("_fraction"), y.removesuffix("_fraction")
        _label(
            axes,
            f"{words[1].capitalize()} against {words[0]} size",
            f"{words[0]}, % of the {of}",
            f"{words[1]}, % of the {of}",
            structures,
        )
        return to_svg(figure, name=name, description=f"{words[1]} against {words[0]} size of the training {of}s")


def _colour(number: int) -> str:
    return SERIES[number % len(SERIES)]


def _dots(axes: Axes, x: ArrayLike, y: ArrayLike, colour: str, label: str | None = None) -> None:
    alpha = 0.55 if np.size(x) < 300 else 0.25
    axes.scatter(x, y, s=16, alpha=alpha, linewidths=0, color=colour, label=label, zorder=2)


def _curve(axes: Axes, x: pd.Series, y: pd.Series, label: str, colour: str) -> None:
    axes.plot(x, y, color=colour, label=label, marker="o" if len(x) < 40 else None, markersize=3)


def _integer_epochs(axes: Axes) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _identity(axes: Axes, values: NDArray[np.float64]) -> None:
    end = float(values.max()) * 1.05 if values.size else 1.0
    axes.plot([0, end], [0, end], color=MUTED, linewidth=1, zorder=1)
    axes.set_xlim(0, end)
    axes.set_ylim(0, end)
    axes.set_aspect("equal", anchor="W")


def _limits_of_agreement(axes: Axes, difference: NDArray[np.float64]) -> None:
    bias, spread = difference.mean(), 1.96 * difference.std(ddof=1)
    for height, text in ((bias + spread, "+1.96 SD"), (bias, "bias"), (bias - spread, "−1.96 SD")):
        mark_level(axes, height, text)


def _label(axes: Axes, title: str, x: str, y: str, structures: Sequence[str]) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if len(structures) > 1:
        axes.legend()
