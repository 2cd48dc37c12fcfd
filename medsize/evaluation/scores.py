"""The figures of one case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.evaluation.dice import count_slices, dice_of_counts, dice_slice_of_counts
from medsize.evaluation.overlap import f_measure, jaccard, precision, recall
from medsize.evaluation.positions import slice_positions
from medsize.evaluation.surface_distance import (
    assd_mm,
    bounding_box,
    hd95_mm,
    normalised_surface_dice,
    surface_distances,
)
from medsize.evaluation.volume_error import volume_error_ml, volume_error_percent

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
    """How one structure of one case was segmented; what is undefined is NaN (:mod:`medsize.evaluation.rules`).

    Attributes:
        structure: Its name.
        dice_scan: Over all voxels.
        dice_slice: Mean over the slices.
        jaccard: Over all voxels, as the next three.
        precision: Share of the prediction that is right.
        recall: Share of the reference that was found.
        f_measure: Of both, β² = 0.3.
        hd95_mm: 95th percentile of the surface distances.
        assd_mm: Average surface distance.
        nsd: Share of the surfaces within the tolerance; NaN without one.
        volume_error_ml: Predicted less true.
        volume_error_percent: Of the true volume.
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
    jaccard: float
    precision: float
    recall: float
    f_measure: float
    hd95_mm: float
    assd_mm: float
    nsd: float
    volume_error_ml: float
    volume_error_percent: float
    slices: int
    volume_predicted_ml: float
    volume_true_ml: float
    voxels_predicted: int
    voxels_true: int
    voxels_overlap: int
    voxels: int


@dataclass(frozen=True, slots=True)
class SliceScore:
    """How one structure was segmented in one slice.

    Attributes:
        structure: Its name.
        slice: Number, from 0.
        position: One of :data:`POSITIONS`.
        dice_slice: 1 where it is neither in the prediction nor in the reference.
        voxels_predicted: Count.
        voxels_true: Count.
        voxels_overlap: Count in both.
    """

    structure: str
    slice: int
    position: str
    dice_slice: float
    voxels_predicted: int
    voxels_true: int
    voxels_overlap: int


@dataclass(frozen=True, slots=True)
class CaseScore:
    """How one case was segmented: each structure, and each structure in each slice."""

    structures: tuple[Score, ...]
    slices: tuple[SliceScore, ...]


def score_case(
    prediction: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    values: Mapping[str, int],
    *,
    spacing_mm: Sequence[float],
    voxel_ml: float,
    tolerances_mm: Mapping[str, float],
) -> CaseScore:
    """Compare a case's prediction with its label.

    Args:
        prediction: (X, Y, Z) values as in label files; those that are no structure's count as background.
        reference: The same, from the label.
        values: Structure to its value.
        spacing_mm: Distance of the voxels along X, Y and Z.
        voxel_ml: Volume of a voxel in mL.
        tolerances_mm: Structure to the tolerance of its NSD; one that is not here has no NSD.
    """
    slices = reference.shape[-1]
    box = bounding_box((prediction > 0) | (reference > 0))
    cropped, truth = prediction[box], reference[box]
    masks = {name: (cropped == value, truth == value) for name, value in values.items()}
    counts = {name: _counts(predicted, true, box[-1], slices) for name, (predicted, true) in masks.items()}
    positions = slice_positions(np.sum([of_name[2] for of_name in counts.values()], axis=0))
    scores: list[Score] = []
    of_slices: list[SliceScore] = []
    for name, (predicted, true) in masks.items():
        overlap, found, there = counts[name]
        dice = dice_slice_of_counts(overlap, found, there)
        totals = int(overlap.sum()), int(found.sum()), int(there.sum())
        volumes = totals[1] * voxel_ml, totals[2] * voxel_ml
        distances = surface_distances(predicted, true, spacing_mm)
        tolerance_mm = tolerances_mm.get(name)
        scores.append(
            Score(
                structure=name,
                dice_scan=dice_of_counts(*totals),
                dice_slice=float(dice.mean()),
                jaccard=jaccard(*totals),
                precision=precision(*totals),
                recall=recall(*totals),
                f_measure=f_measure(*totals),
                hd95_mm=hd95_mm(distances),
                assd_mm=assd_mm(distances),
                nsd=float("nan") if tolerance_mm is None else normalised_surface_dice(distances, tolerance_mm),
                volume_error_ml=volume_error_ml(*volumes),
                volume_error_percent=volume_error_percent(*volumes),
                slices=slices,
                volume_predicted_ml=volumes[0],
                volume_true_ml=volumes[1],
                voxels_predicted=totals[1],
                voxels_true=totals[2],
                voxels_overlap=totals[0],
                voxels=reference.size,
            )
        )
        rows = zip(
            range(slices), positions, dice.tolist(), found.tolist(), there.tolist(), overlap.tolist(), strict=True
        )
        of_slices += [SliceScore(name, *row) for row in rows]
    return CaseScore(tuple(scores), tuple(of_slices))


def _counts(
    predicted: NDArray[np.bool_], true: NDArray[np.bool_], within: slice, slices: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the voxels of each slice in both masks, in the prediction and in the reference."""
    overlap, found, there = np.zeros((3, slices), np.int64)
    overlap[within], found[within], there[within] = map(count_slices, (predicted & true, predicted, true))
    return overlap, found, there
