"""Scores that are all 0: hardly a result, and mostly a mistake with values or files."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medsize.errors import InputError
from medsize.evaluation.photo_scores import BACKGROUND
from medsize.evaluation.scored_case import PREDICTIONS


def nothing_right(metrics: pd.DataFrame, values: Mapping[str, int], about: Mapping[str, Any]) -> InputError | None:
    """Return an error if no prediction has a single voxel in common with the labels: that is hardly a result.

    Args:
        metrics: ``metrics.csv``; the checkpoints but ``last`` do not count.
        values: Structure to its value in the label files.
        about: The summary.
    """
    of = metrics[metrics["checkpoint"].isin(("last", PREDICTIONS)) & (metrics["structure"] != BACKGROUND)]
    if metrics.empty or of["voxels_overlap"].sum() > 0:
        return None
    true, predicted = of["voxels_true"].sum(), of["voxels_predicted"].sum()
    named = ", ".join(f"{name}={value}" for name, value in values.items())
    return InputError(
        "every score is 0: no prediction has anything in common with its label",
        expected=f"labels and predictions that hold {named}",
        found="; ".join(
            [
                "no structure in any label" if not true else f"{true:,.0f} voxels of structures in the labels",
                "none in any prediction" if not predicted else f"{predicted:,.0f} in the predictions, all elsewhere",
                *_unnamed(about.get("unnamed_values", {})),
            ]
        ),
        remedy=_remedy(bool(true), bool(predicted), of_run=about["kind"] == "run"),
    )


def _unnamed(values: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [f"values that no structure has in the {where}: {', '.join(of)}" for where, of in values.items() if of]


def _remedy(true: bool, predicted: bool, *, of_run: bool) -> str:
    if not of_run:
        return "say which values the files hold (--structure NAME=VALUE), and look at both in a viewer"
    if not true:
        return "look at the labels of the held-out cases: they may have been saved with other values, or empty"
    if not predicted:
        return "look at the losses in metrics.jsonl: it may have been trained too briefly, or from sizes that are wrong"
    return "look at a prediction and its label in a viewer; it may have been trained too briefly"
