"""The measures of one structure in one case, each declared once: its name, words, rule and how it is computed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from medsize.metrics import overlap
from medsize.metrics.dice import dice_of_counts, dice_slice_of_counts
from medsize.metrics.surface_distance import SurfaceDistances, assd_mm, hd95_mm, normalised_surface_dice

_SHARE: Final = (
    "0 if only the label or only the prediction is empty, undefined (left out of the mean, and counted) if both are"
)
_DISTANCE: Final = "infinite if only the label or only the prediction is empty, undefined if both are"


@dataclass(frozen=True, slots=True)
class Pair:
    """A structure in the prediction and in the reference of one case.

    Attributes:
        overlap: Voxels in both masks, of each slice, (Z,).
        predicted: Voxels of the prediction, likewise.
        true: Voxels of the reference, likewise.
        voxel_ml: Volume of a voxel; NaN where there is no spacing.
        distances: Between the two surfaces; None where there is no spacing.
        tolerance_mm: How far surfaces may lie apart; None where nobody has said it.
    """

    overlap: NDArray[np.int64]
    predicted: NDArray[np.int64]
    true: NDArray[np.int64]
    voxel_ml: float = math.nan
    distances: SurfaceDistances | None = None
    tolerance_mm: float | None = None

    @property
    def counts(self) -> tuple[int, int, int]:
        """Voxels in both masks, in the prediction and in the reference, of the whole case."""
        return int(self.overlap.sum()), int(self.predicted.sum()), int(self.true.sum())

    @property
    def volumes_ml(self) -> tuple[float, float]:
        """Of the prediction and of the reference."""
        _, predicted, true = self.counts
        return predicted * self.voxel_ml, true * self.voxel_ml


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of ``metrics.csv`` that says how good a prediction is.

    Attributes:
        title: What people call it, with its unit.
        rule: What it is, and what it means where masks are empty.
        compute: From a pair to its figure: NaN where undefined.
        decimals: Worth printing.
        best: Which figures are good: ``high``, ``low`` or those near ``zero``.
        of_photos: Whether it is measured on photos too, which have neither spacing nor slices.
    """

    title: str
    rule: str
    compute: Callable[[Pair], float]
    decimals: int = 3
    best: Literal["high", "low", "zero"] = "high"
    of_photos: bool = False


def volume_error_ml(pair: Pair) -> float:
    """Return the predicted less the true volume in mL: below 0 where too little was found."""
    predicted_ml, true_ml = pair.volumes_ml
    return predicted_ml - true_ml


def volume_error_percent(pair: Pair) -> float:
    """Return the volume error in percent of the true volume; NaN, undefined, where the reference is empty."""
    _, true_ml = pair.volumes_ml
    return 100 * volume_error_ml(pair) / true_ml if true_ml else math.nan


def _dice_slice(pair: Pair) -> float:
    return float(dice_slice_of_counts(pair.overlap, pair.predicted, pair.true).mean())


def _of_surfaces(figure: Callable[[SurfaceDistances], float]) -> Callable[[Pair], float]:
    return lambda pair: math.nan if pair.distances is None else figure(pair.distances)


def _nsd(pair: Pair) -> float:
    if pair.distances is None or pair.tolerance_mm is None:
        return math.nan
    return normalised_surface_dice(pair.distances, pair.tolerance_mm)


MEASURES: Final = {
    "dice_scan": Measure(
        title="dice_scan",
        rule=f"one Dice per case, over all voxels of its own grid: {_SHARE}",
        compute=lambda pair: dice_of_counts(*pair.counts),
        of_photos=True,
    ),
    "dice_slice": Measure(
        title="dice_slice",
        rule=(
            "one Dice per slice, averaged over all slices: 0 if only the label or only the prediction is empty, "
            "1 if both are"
        ),
        compute=_dice_slice,
    ),
    "jaccard": Measure(
        title="Jaccard",
        rule=f"intersection over union of all voxels of a case: {_SHARE}",
        compute=lambda pair: overlap.jaccard(*pair.counts),
        of_photos=True,
    ),
    "precision": Measure(
        title="precision",
        rule=f"share of the predicted voxels that are in the label: {_SHARE}",
        compute=lambda pair: overlap.precision(*pair.counts),
        of_photos=True,
    ),
    "recall": Measure(
        title="recall",
        rule=f"share of the label's voxels that were predicted: {_SHARE}",
        compute=lambda pair: overlap.recall(*pair.counts),
        of_photos=True,
    ),
    "f_measure": Measure(
        title="F-measure",
        rule=f"F-measure of precision and recall with β² = {overlap.BETA_SQUARED:g}: {_SHARE}",
        compute=lambda pair: overlap.f_measure(*pair.counts),
        of_photos=True,
    ),
    "hd95_mm": Measure(
        title="HD95, mm",
        rule=(
            "95th percentile of the distances between the two surfaces, by area, the larger of both directions, as "
            f"DeepMind's surface-distance: {_DISTANCE}"
        ),
        compute=_of_surfaces(hd95_mm),
        decimals=2,
        best="low",
    ),
    "assd_mm": Measure(
        title="ASSD, mm",
        rule=(
            "average distance between the two surfaces, by area, the mean of both directions, as DeepMind's "
            f"surface-distance: {_DISTANCE}"
        ),
        compute=_of_surfaces(assd_mm),
        decimals=2,
        best="low",
    ),
    "nsd": Measure(
        title="NSD",
        rule=(
            "share of both surfaces that lies within the tolerance of the other, by area, as DeepMind's "
            f"surface-distance: {_SHARE}; not measured without a tolerance"
        ),
        compute=_nsd,
    ),
    "volume_error_ml": Measure(
        title="volume error, mL",
        rule="predicted less true volume in mL, negative where too little was found",
        compute=volume_error_ml,
        decimals=1,
        best="zero",
    ),
    "volume_error_percent": Measure(
        title="volume error, %",
        rule="the same in percent of the true volume: undefined if the label is empty",
        compute=volume_error_percent,
        decimals=1,
        best="zero",
    ),
}
"""By name, in the order of the tables."""

PHOTO_MEASURES: Final = {name: measure for name, measure in MEASURES.items() if measure.of_photos}
"""Those of photos."""
