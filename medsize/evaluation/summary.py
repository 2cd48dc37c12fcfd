"""``summary.json``: the figures of an evaluation in nnU-Net's shape, with the rules and the split beside them."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from medsize.errors import InputError
from medsize.evaluation.rules import RULES
from medsize.evaluation.scored_case import PREDICTIONS
from medsize.evaluation.seal import REMEDY, sealed
from medsize.metrics.measures import MEASURES
from medsize.metrics.statistics import COVERAGE, RESAMPLES, describe
from medsize.text import read_json

_OWN: Final = [name for name in MEASURES if name not in ("dice_scan", "jaccard")]


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one case.

    Attributes:
        prediction: Its predicted label file; None where there is none.
        reference: Its label file.
        image: Its image, if it is known.
    """

    prediction: Path | None
    reference: Path
    image: Path | None = None


def summarise(
    metrics: pd.DataFrame,
    slices: pd.DataFrame,
    files: Mapping[tuple[str, str], Files],
    values: Mapping[str, int],
    tolerances_mm: Mapping[str, float],
) -> dict[str, Any]:
    """Return what the tables come to.

    Args:
        metrics: Rows of ``metrics.csv``.
        slices: Rows of ``slices.csv``.
        files: Those of each checkpoint and case.
        values: Structure to its value in the label files, in class order.
        tolerances_mm: Structure to the tolerance of its NSD.

    Returns:
        JSON values. ``metric_per_case``, ``mean`` and ``foreground_mean`` are nnU-Net's, for the checkpoint
        ``last`` on the held-out cases that decide nothing (``test`` if there are any, else ``val``);
        ``others`` holds the same for the other checkpoints, splits and variants. ``aggregates`` has, for each structure
        and measure, the fields of :class:`medsize.metrics.statistics.Statistics`. What is undefined is null, is
        listed, and enters no mean; what is infinite is the text ``"inf"``.
    """
    blocks = [
        _block(rows, slices[(slices["checkpoint"] == checkpoint) & (slices["split"] == split)], files, values)
        for (checkpoint, split), rows in metrics.groupby(["checkpoint", "split"], sort=False)
    ]
    blocks.sort(key=lambda block: (block["checkpoint"] not in ("last", PREDICTIONS), block["split"] != "test"))
    headline = blocks[0] if blocks else {"metric_per_case": [], "mean": {}, "foreground_mean": None}
    summary = {
        **headline,
        "headline": "dice_scan",
        "others": blocks[1:],
        "structures": dict(values),
        "rules": RULES,
        "nsd_tolerance_mm": dict(tolerances_mm),
        "nsd_left_out": [name for name in values if name not in tolerances_mm],
        "failures": failures_of(metrics),
        "bootstrap": {"of": "group", "coverage": COVERAGE, "resamples": RESAMPLES, "seed": 0},
    }
    return dict(as_json(summary))


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the ``summary.json`` of an evaluation.

    Raises:
        InputError: There was no evaluation, or the file is not the one that it wrote.
    """
    path = sealed(folder, folder / "summary.json")
    summary = read_json(path, "the summary that 'medsize evaluate' writes")
    if not isinstance(summary, dict):
        raise InputError(f"{path} cannot be read", found=f"a {type(summary).__name__}", remedy=REMEDY)
    return summary


def _block(
    metrics: pd.DataFrame,
    slices: pd.DataFrame,
    files: Mapping[tuple[str, str], Files],
    values: Mapping[str, int],
) -> dict[str, Any]:
    checkpoint, split = str(metrics["checkpoint"].iloc[0]), str(metrics["split"].iloc[0])
    per_case: list[dict[str, Any]] = []
    of_structure: dict[str, list[dict[str, float]]] = defaultdict(list)
    for case, rows in metrics.groupby("case", sort=False):
        figures = {str(values[row["structure"]]): _nnunet(row) for row in rows.to_dict("records")}
        for value, figure in figures.items():
            of_structure[value].append(figure)
        per_case.append({"case": case, "metrics": figures, **_paths(files[checkpoint, str(case)])})
    mean = {value: _means(figures) for value, figures in of_structure.items()}
    groups = metrics.drop_duplicates("case").set_index("case")["group"]
    slices = slices.assign(group=slices["case"].map(groups))
    return {
        "checkpoint": checkpoint,
        "split": split,
        "chosen_on_these_cases": checkpoint.split("_")[0] == "best" and split == "val",
        "metric_per_case": per_case,
        "mean": mean,
        "foreground_mean": _means(list(mean.values())),
        "aggregates": {
            str(name): _aggregate(rows, slices[slices["structure"] == name])
            for name, rows in metrics.groupby("structure", sort=False)
        },
    }


def _paths(files: Files) -> dict[str, str | None]:
    return {f"{name}_file": path and str(path) for name, path in asdict(files).items()}


def _aggregate(rows: pd.DataFrame, slices: pd.DataFrame) -> dict[str, Any]:
    measures = {}
    for name in MEASURES:
        of = slices if name == "dice_slice" else rows  # its rule: the mean over slices
        values = of[name].to_numpy(np.float64)
        measures[name] = {
            **asdict(describe(values, of["group"].to_list())),
            "undefined_cases": rows["case"][np.isnan(rows[name].to_numpy(np.float64))].to_list(),
            "infinite_cases": rows["case"][np.isinf(rows[name].to_numpy(np.float64))].to_list(),
        }
    return {
        "cases": len(rows),
        "groups": rows["group"].nunique(),
        "failed_cases": rows["case"][rows["failure"] != ""].to_list(),
        "measures": measures,
    }


def _nnunet(row: Mapping[Any, Any]) -> dict[str, float]:
    true_positive = row["voxels_overlap"]
    false_positive = row["voxels_predicted"] - true_positive
    false_negative = row["voxels_true"] - true_positive
    return {
        "Dice": row["dice_scan"],
        "FN": false_negative,
        "FP": false_positive,
        "IoU": row["jaccard"],
        "TN": row["voxels"] - true_positive - false_positive - false_negative,
        "TP": true_positive,
        "n_pred": row["voxels_predicted"],
        "n_ref": row["voxels_true"],
        **{name: row[name] for name in _OWN},
    }


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    columns = {name: np.array([figure[name] for figure in figures], np.float64) for name in figures[0]}
    defined = {name: column[~np.isnan(column)] for name, column in columns.items()}
    return {name: float(column.mean()) if len(column) else math.nan for name, column in defined.items()}


def failures_of(metrics: pd.DataFrame) -> list[dict[str, str]]:
    """List the cases without a usable prediction, once a checkpoint."""
    failed = metrics[metrics["failure"] != ""].drop_duplicates(["checkpoint", "case"])
    return [
        {"checkpoint": row["checkpoint"], "case": row["case"], "reason": row["failure"]}
        for row in failed.to_dict("records")
    ]


def as_json(value: Any) -> Any:
    """Return JSON values: null for NaN, and the text ``inf`` for what is infinite, which JSON has no number for."""
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
