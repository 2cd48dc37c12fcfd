"""The worst, median and best held-out cases, each on one telling slice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.config.run import RunConfig
from medsize.config.supervision import CueSeeds, NoSeeds, ScribbleSeeds
from medsize.data.case import Case
from medsize.data.geometry import grid_for
from medsize.data.volumes import Volume, read_label, read_volume
from medsize.evaluation.report.overlays import Overlay, contrast_of, draw, seed_positions, window_around
from medsize.evaluation.seal import sealed
from medsize.inference.label_values import label_values, to_classes
from medsize.run_folder import RunFolder
from medsize.supervision.rng import SEEDS, rng_for
from medsize.supervision.seeds import make_seeds

RANKS: Final = ("worst", "median", "best")

Slice = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A held-out case as the report shows it.

    Attributes:
        case: Its id.
        about: Phase and pathology, as far as known.
        dice_scan: Structure to figure; None where undefined.
        slice: The slice shown, from 0.
        slices: How many there are.
        overlay: The slice.
        outside: Whether part of the prediction lies outside of what is shown.
    """

    case: str
    about: str
    dice_scan: dict[str, float | None]
    slice: int
    slices: int
    overlay: Overlay
    outside: bool


def choose_cases(metrics: pd.DataFrame, count: int, measure: str = "dice_scan") -> dict[str, list[str]]:
    """Choose the cases to show: each once, ranked by a measure (its mean over the structures it is defined for).

    Args:
        metrics: Rows of ``metrics.csv`` of one checkpoint and split.
        count: How many of each rank; fewer where there are too few cases.
        measure: Of which more is better.

    Returns:
        Case ids of the ``worst`` (worst first), the ``median`` and the ``best`` (best first).
    """
    means = metrics.groupby("case", sort=False)[measure].mean().dropna().sort_values(kind="stable")
    ranked = [str(case) for case in means.index]
    worst, best, median = (min(count, (len(ranked) + extra) // 3) for extra in (2, 1, 0))
    middle = worst + (len(ranked) - worst - best - median) // 2
    return {
        "worst": ranked[:worst],
        "median": ranked[middle : middle + median],
        "best": ranked[::-1][:best],
    }


def show_case(
    run: RunFolder, config: RunConfig, case: Case, values: Mapping[str, int], rows: pd.DataFrame, *, worst: bool
) -> ShownCase:
    """Draw one case.

    Args:
        run: The run, for the prediction of its checkpoint ``last``.
        config: Its configuration.
        case: The case; it has a label.
        values: Structure to its value in the label files, in class order.
        rows: The case's rows of ``metrics.csv``.
        worst: Show the slice with most errors, rather than the middle of the structures.

    Raises:
        InputError: The image, its label or its prediction cannot be read any more.
    """
    assert case.label is not None
    image = read_volume(case.image)
    allowed = tuple(label_values(config.data).values())
    truth = to_classes(read_label(case.label, image, allowed).array, values)
    prediction = sealed(run.report, run.prediction("last", case.id, case.image))
    predicted = to_classes(read_label(prediction, image, tuple(values.values())).array, values)
    number = slice_with_most_errors(predicted, truth) if worst else middle_slice(predicted, truth)
    pixel_mm = image.spacing_mm[:2]
    shown = truth[..., number], predicted[..., number]
    everything = (shown[0] > 0) | (shown[1] > 0)
    window = window_around(shown[0] > 0 if shown[0].any() and not worst else everything, pixel_mm)
    return ShownCase(
        case=case.id,
        about=", ".join(filter(None, (case.phase, case.pathology))),
        dice_scan={
            row["structure"]: None if np.isnan(row["dice_scan"]) else row["dice_scan"]
            for row in rows.to_dict("records")
        },
        slice=number,
        slices=truth.shape[-1],
        overlay=draw(
            image.array[..., number],
            window,
            pixel_mm,
            contrast=contrast_of(image.array),
            truth=shown[0],
            prediction=shown[1],
            seeds=_seeds(config, case, image, truth, number),
        ),
        outside=bool(np.count_nonzero(shown[1][window.slices]) < np.count_nonzero(shown[1])),
    )


def middle_slice(predicted: Slice, truth: Slice) -> int:
    """Return the middle one of the slices that hold a structure, in the label or else in the prediction."""
    holds = (truth if truth.any() else predicted).any((0, 1))
    numbers = np.flatnonzero(holds)
    return int(numbers[len(numbers) // 2]) if numbers.size else predicted.shape[-1] // 2


def slice_with_most_errors(predicted: Slice, truth: Slice) -> int:
    """Return the slice where most voxels are of another class than in the label."""
    return int((predicted != truth).sum((0, 1)).argmax())


def _seeds(config: RunConfig, case: Case, image: Volume, truth: Slice, number: int) -> NDArray[np.float64]:
    """Return where the run's own generator would have put seeds, in pixels of the case's slice."""
    nothing = np.empty((0, 2))
    if isinstance(config.supervision.seeds, ScribbleSeeds | CueSeeds | NoSeeds) or "seeds" not in config.targets():
        return nothing
    x, y, _ = truth.shape
    grid = grid_for(config.data.preprocessing, (x, y), image.spacing_mm[:2])
    label = grid.resample(truth[..., number : number + 1], 0)[..., 0]
    seeds = make_seeds(config.supervision.seeds, label, rng_for(config.training.seed, SEEDS, case.id, number))
    positions: NDArray[np.float64] = seed_positions(seeds) * grid.scale + grid.offset
    return positions
