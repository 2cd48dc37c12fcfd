"""The figures of one case, and of many."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.evaluation.dice import dice_scan, dice_slice

MEASURES: Final = (
    "dice_scan",
    "dice_slice",
    "jaccard",
    "precision",
    "recall",
    "f_measure",
    "hd95_mm",
    "assd_mm",
    "nsd",
    "volume_error_ml",
    "volume_error_percent",
)
"""Columns of ``metrics.csv`` that say how good a prediction is."""

COLUMNS: Final = (
    "checkpoint",
    "split",
    "case",
    "group",
    "phase",
    "pathology",
    "structure",
    *MEASURES,
    "slices",
    "volume_predicted_ml",
    "volume_true_ml",
    "voxels_predicted",
    "voxels_true",
    "voxels_overlap",
    "voxels",
    "failure",
)
"""Columns of ``metrics.csv``: one row a checkpoint, held-out case and structure."""

SLICE_COLUMNS: Final = (
    "checkpoint",
    "split",
    "case",
    "structure",
    "slice",
    "position",
    "dice_slice",
    "voxels_predicted",
    "voxels_true",
    "voxels_overlap",
)
"""Columns of ``slices.csv``: one row a checkpoint, case, structure and slice (from 0)."""

POSITIONS: Final = ("base", "mid", "apex", "outside")
"""Where a slice lies: in a third of those that hold any structure of the reference, or outside of them all."""


@dataclass(frozen=True, slots=True)
class Score:
    """How one structure of one case was segmented.

    Attributes:
        structure: Its name.
        dice_scan: Over all voxels; NaN, undefined, if it is in neither the prediction nor the label.
        dice_slice: Mean over the slices.
        slices: How many there are.
        volume_predicted_ml: In mL.
        volume_true_ml: In mL.
        voxels_predicted: Count.
        voxels_true: Count.
        voxels_overlap: Count in both.
        voxels: Count of all voxels of the case.
    """

    structure: str
    dice_scan: float
    dice_slice: float
    slices: int
    volume_predicted_ml: float
    volume_true_ml: float
    voxels_predicted: int
    voxels_true: int
    voxels_overlap: int
    voxels: int


def score_case(
    prediction: NDArray[np.uint8], reference: NDArray[np.uint8], structures: tuple[str, ...], voxel_ml: float
) -> list[Score]:
    """Compare a case's prediction with its label.

    Args:
        prediction: (X, Y, Z) class indices.
        reference: The same, from the label.
        structures: Class ``i + 1`` is ``structures[i]``.
        voxel_ml: Volume of a voxel in mL.

    Returns:
        One score a structure.
    """
    scores = []
    for number, name in enumerate(structures, start=1):
        predicted, true = prediction == number, reference == number
        counts = [int(np.count_nonzero(mask)) for mask in (predicted, true, predicted & true)]
        scores.append(
            Score(
                structure=name,
                dice_scan=dice_scan(predicted, true),
                dice_slice=float(dice_slice(predicted, true).mean()),
                slices=true.shape[-1],
                volume_predicted_ml=counts[0] * voxel_ml,
                volume_true_ml=counts[1] * voxel_ml,
                voxels_predicted=counts[0],
                voxels_true=counts[1],
                voxels_overlap=counts[2],
                voxels=true.size,
            )
        )
    return scores


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One structure over many cases.

    Attributes:
        cases: Cases evaluated.
        undefined: Ids of the cases whose ``dice_scan`` is undefined; they enter none of the next figures.
        mean: Of ``dice_scan`` over the other cases; None if there is none.
        median: Likewise.
        q25: Lower quartile, likewise.
        q75: Upper quartile, likewise.
        worst: The smallest, likewise.
        dice_slice: Mean of ``dice_slice`` over all slices of all cases.
    """

    cases: int
    undefined: tuple[str, ...]
    mean: float | None
    median: float | None
    q25: float | None
    q75: float | None
    worst: float | None
    dice_slice: float


def aggregate(metrics: pd.DataFrame) -> Aggregate:
    """Summarise the rows of one checkpoint, split and structure.

    Args:
        metrics: Rows of ``metrics.csv``, at least one.
    """
    dice = metrics["dice_scan"].to_numpy(np.float64)
    undefined = np.isnan(dice)
    defined = dice[~undefined]
    q25, median, q75 = (float(q) for q in np.quantile(defined, (0.25, 0.5, 0.75))) if defined.size else (None,) * 3
    return Aggregate(
        cases=len(metrics),
        undefined=tuple(metrics["case"].to_numpy()[undefined].tolist()),
        mean=float(defined.mean()) if defined.size else None,
        median=median,
        q25=q25,
        q75=q75,
        worst=float(defined.min()) if defined.size else None,
        dice_slice=float(np.average(metrics["dice_slice"], weights=metrics["slices"])),
    )
