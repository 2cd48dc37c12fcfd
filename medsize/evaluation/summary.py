"""``summary.json``: the figures of an evaluation in nnU-Net's shape, with the rules and the split beside them."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from medsize.config.data import Split
from medsize.data.case import Case
from medsize.data.splits import held_out_leaks
from medsize.errors import InputError
from medsize.evaluation.dice import RULES
from medsize.evaluation.scores import aggregate
from medsize.run_folder import RunFolder

CRF_SUFFIX: Final = "_crf"
"""Of a checkpoint's name where its predictions were refined by a CRF."""


def summarise(
    metrics: pd.DataFrame, run: RunFolder, cases: Sequence[Case], split: Split, values: Mapping[str, int]
) -> dict[str, Any]:
    """Return the content of ``summary.json``.

    Args:
        metrics: Rows of ``metrics.csv``.
        run: The run, for the files' paths.
        cases: All cases of the run.
        split: How the run's cases were divided.
        values: Structure to its value in the label files, in class order.

    Returns:
        JSON values. ``metric_per_case``, ``mean`` and ``foreground_mean`` are nnU-Net's, for the checkpoint ``last``
        on the held-out cases that decide nothing (``test`` if there are any, else ``val``); ``others`` holds the same
        for the other checkpoints, splits and refinements. An undefined figure is null, is listed, and enters no mean.
    """
    blocks = [
        _block(rows, str(checkpoint), str(name), run, cases, values)
        for (checkpoint, name), rows in metrics.groupby(["checkpoint", "split"], sort=False)
    ]
    blocks.sort(key=lambda block: (block["checkpoint"] != "last", block["split"] != "test"))
    headline = blocks[0] if blocks else {"metric_per_case": [], "mean": {}, "foreground_mean": None}
    return {
        **headline,
        "others": blocks[1:],
        "structures": dict(values),
        "rules": RULES,
        "data_split": split.model_dump(mode="json"),
        "leaks": held_out_leaks(cases),
        "unevaluated": [case.id for case in cases if case.split in ("val", "test") and case.label is None],
    }


def read_summary(path: Path) -> dict[str, Any]:
    """Read a ``summary.json``.

    Raises:
        InputError: There is none, or it is damaged.
    """
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read", found=str(error), remedy="evaluate the run first: medsize evaluate RUN"
        ) from error
    return summary


def _block(
    metrics: pd.DataFrame,
    checkpoint: str,
    split: str,
    run: RunFolder,
    cases: Sequence[Case],
    values: Mapping[str, int],
) -> dict[str, Any]:
    labels = {case.id: case.label for case in cases}
    per_case: list[dict[str, Any]] = []
    counts: dict[str, list[dict[str, float | None]]] = defaultdict(list)
    for case, rows in metrics.groupby("case", sort=False):
        figures = {str(values[row["structure"]]): _nnunet(row) for row in rows.to_dict("records")}
        for value, figure in figures.items():
            counts[value].append(figure)
        per_case.append(
            {
                "case": case,
                "metrics": figures,
                "prediction_file": str(run.predictions / checkpoint / f"{case}.nii.gz"),
                "reference_file": str(labels[str(case)]),
            }
        )
    mean = {value: _means(figures) for value, figures in counts.items()}
    return {
        "checkpoint": checkpoint,
        "split": split,
        "chosen_on_these_cases": checkpoint.removesuffix(CRF_SUFFIX) == "best" and split == "val",
        "metric_per_case": per_case,
        "mean": mean,
        "foreground_mean": _means(list(mean.values())),
        "aggregates": {str(name): asdict(aggregate(rows)) for name, rows in metrics.groupby("structure", sort=False)},
    }


def _nnunet(row: Mapping[Any, Any]) -> dict[str, float | None]:
    true_positive = row["voxels_overlap"]
    false_positive = row["voxels_predicted"] - true_positive
    false_negative = row["voxels_true"] - true_positive
    union = true_positive + false_positive + false_negative
    return {
        "Dice": None if math.isnan(row["dice_scan"]) else row["dice_scan"],
        "FN": false_negative,
        "FP": false_positive,
        "IoU": true_positive / union if union else None,
        "TN": row["voxels"] - union,
        "TP": true_positive,
        "n_pred": row["voxels_predicted"],
        "n_ref": row["voxels_true"],
    }


def _means(figures: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for name in figures[0]:
        defined = [value for figure in figures if (value := figure[name]) is not None]
        means[name] = float(np.mean(defined)) if defined else None
    return means
