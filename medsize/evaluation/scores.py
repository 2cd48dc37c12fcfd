"""The figures of one case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medsize.metrics.dice import count_slices, dice_slice_of_counts
from medsize.metrics.measures import MEASURES, Pair
from medsize.metrics.positions import slice_positions
from medsize.metrics.surface_distance import bounding_box, surface_distances

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
    """How one case was segmented.

    Attributes:
        structures: For each structure what ``metrics.csv`` says of it: every measure, volumes and counts.
        slices: Each structure in each slice.
    """

    structures: tuple[dict[str, Any], ...]
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
    scores: list[dict[str, Any]] = []
    of_slices: list[SliceScore] = []
    for name, (predicted, true) in masks.items():
        overlap, found, there = counts[name]
        distances = surface_distances(predicted, true, spacing_mm)
        pair = Pair(overlap, found, there, voxel_ml, distances, tolerances_mm.get(name))
        scores.append(
            {
                "structure": name,
                **{measure: about.compute(pair) for measure, about in MEASURES.items()},
                "slices": slices,
                **dict(zip(("volume_predicted_ml", "volume_true_ml"), pair.volumes_ml, strict=True)),
                **dict(zip(("voxels_overlap", "voxels_predicted", "voxels_true"), pair.counts, strict=True)),
                "voxels": reference.size,
            }
        )
        dice = dice_slice_of_counts(overlap, found, there)
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
