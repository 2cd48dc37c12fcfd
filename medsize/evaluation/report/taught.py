"""What the network was taught on some training slices, and its answer in the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from medsize.data.unlabelled import UNLABELLED
from medsize.evaluation.report.overlays import Overlay, Window, contrast_of, draw, seed_positions, window_around
from medsize.evaluation.training_sizes import TaughtSlices

Mask = NDArray[np.bool_]

_MOST_SIZES: Final = 6


@dataclass(frozen=True, slots=True)
class TaughtSlice:
    """One training slice as the report shows it.

    Attributes:
        case: Id of its case.
        slice: Its number, from 0.
        sizes: Structure to its size, a fraction of the slice (or of its case's volume, if sizes of volumes were
            given), by kind: ``given``, ``exact``, ``predicted``; None where unknown.
        overlay: The slice.
        taught_dice: Dice of the pseudo label with the label, over the structures and the pixels that were decided; None
            where it says nothing or there is no label.
        relabelled: Whether the network itself gave the pseudo label.
    """

    case: str
    slice: int
    sizes: dict[str, dict[str, float | None]]
    overlay: Overlay
    taught_dice: float | None
    relabelled: bool

    @property
    def told(self) -> bool:
        """Whether the network was told a size."""
        return any(size["given"] is not None for size in self.sizes.values())


def show_taught(taught: TaughtSlices, sizes: pd.DataFrame) -> list[TaughtSlice]:
    """Draw training slices with their seeds and the network's outlines.

    Args:
        taught: The slices.
        sizes: ``training_sizes.csv``.
    """
    shown = []
    for place, (case, number) in enumerate(zip(taught.case.tolist(), taught.slice.tolist(), strict=True)):
        seeds, predicted = seed_positions(taught.seeds[place]), taught.predicted[place]
        told = taught.seeds[place] < 255
        pixel_mm = float(taught.pixel_mm[place][0]), float(taught.pixel_mm[place][1])
        image = taught.image[place]
        label, grown = taught.label[place], taught.pseudo_label[place]
        taught_dice = _dice(grown, label)
        truth = np.where(label == UNLABELLED, np.uint8(0), label)
        window = window_around(_around_seeds(told, predicted > 0) | _structures(grown), pixel_mm)
        if image.ndim == 3:  # a photo: all of it, its rows downwards
            image, predicted, seeds, pixel_mm = image.swapaxes(0, 1), predicted.T, seeds[:, ::-1], pixel_mm[::-1]
            truth, grown = truth.T, grown.T
            window = Window((0, image.shape[0]), (0, image.shape[1]))
        of_case = sizes["case"] == case
        of_slice = of_case & (sizes["slice"] == number).fillna(False)
        about = of_slice if of_slice.any() else of_case & sizes["slice"].isna()
        rows = sizes[about & (sizes["structure"] != "background")]
        shown.append(
            TaughtSlice(
                case=case,
                slice=number,
                sizes=_most_telling({row["structure"]: _sizes(row) for row in rows.to_dict("records")}),
                overlay=draw(
                    image,
                    window,
                    pixel_mm,
                    contrast=contrast_of(image),
                    truth=truth if (grown != UNLABELLED).any() else None,
                    prediction=predicted,
                    seeds=seeds,
                    grown=grown if (grown != UNLABELLED).any() else None,
                ),
                taught_dice=taught_dice,
                relabelled=bool(taught.relabelled),
            )
        )
    return shown


def _most_telling(sizes: dict[str, dict[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """Return the largest sizes of many structures, of which a photo holds a few; of a few structures, all."""
    if len(sizes) <= _MOST_SIZES:
        return sizes
    largest = {name: max((value or 0.0) for value in of.values()) for name, of in sizes.items()}
    chosen = sorted((name for name in largest if largest[name] > 0), key=lambda name: -largest[name])[:_MOST_SIZES]
    return {name: sizes[name] for name in chosen}


def _around_seeds(told: Mask, predicted: Mask) -> Mask:
    """Return the seeds and the pieces of the prediction that they touch; the whole prediction if nothing was told."""
    if not told.any():
        return predicted
    pieces, _ = ndimage.label(predicted)
    return told | (np.isin(pieces, pieces[told]) & predicted)


def _structures(labels: NDArray[np.uint8]) -> Mask:
    return np.asarray((labels > 0) & (labels != UNLABELLED))


def _dice(grown: NDArray[np.uint8], label: NDArray[np.uint8]) -> float | None:
    """Return the mean Dice over the structures of either, on the pixels where both say something."""
    known = (grown != UNLABELLED) & (label != UNLABELLED)
    a, b = grown[known], label[known]
    classes = [k for k in np.union1d(a, b).tolist() if k > 0]
    if not classes:
        return None
    return float(np.mean([2 * ((a == k) & (b == k)).sum() / ((a == k).sum() + (b == k).sum()) for k in classes]))


def _sizes(row: Mapping[Any, float]) -> dict[str, float | None]:
    fractions = {kind: row[f"{kind}_fraction"] for kind in ("given", "exact", "predicted")}
    return {kind: None if np.isnan(value) else value for kind, value in fractions.items()}
