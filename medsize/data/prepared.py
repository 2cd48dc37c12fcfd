"""A case on its slice grid, as a store takes it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsize.data.geometry import SliceGrid
from medsize.data.unlabelled import UNLABELLED


@dataclass(frozen=True, slots=True)
class PreparedCase:
    """The slices of one case.

    Attributes:
        images: (Z, C, H, W), float32 in [0, 1] or uint8.
        labels: (Z, H, W) uint8 classes, or None.
        domain: Ω, (Z, H, W) bool.
        fractions: Exact size of every structure, (Z, K − 1), NaN where unknown.
        grid: How the slices lie on the case's planes.
        spacing_mm: Of the case's own grid; NaN where it has none.
    """

    images: NDArray[Any]
    labels: NDArray[np.uint8] | None
    domain: NDArray[np.bool_]
    fractions: NDArray[np.float64]
    grid: SliceGrid
    spacing_mm: tuple[float, ...]


def structure_fractions(labels: NDArray[np.uint8], structures: int) -> NDArray[np.float64]:
    """Measure the structures of planes.

    Args:
        labels: (Z, X, Y) classes, 255 unknown, which is left out of what sizes are a fraction of.
        structures: How many there are.

    Returns:
        (Z, K − 1); NaN on planes where nothing is known.
    """
    counts = np.array([np.bincount(plane.ravel(), minlength=UNLABELLED + 1) for plane in labels])
    known = counts[:, :UNLABELLED].sum(1, keepdims=True)
    return np.where(known > 0, counts[:, 1 : structures + 1] / np.maximum(known, 1), np.nan)
