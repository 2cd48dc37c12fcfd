"""What sizes are about: slices, or the volumes of cases, as the rows of a store."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medsize.config.level import Level
from medsize.data.store import SliceStore
from medsize.supervision.size_targets import Fractions
from medsize.supervision.table_sizes import Estimates


@dataclass(frozen=True, slots=True)
class Item:
    """What one size is about: a slice, or the slices of a case in their order.

    Attributes:
        rows: Its rows of the store.
        shape: (H, W), or (Z, H, W).
        spacing: Of its axes in mm; 1 where it is not known.
        low: Lower end of each class's size, (K,); NaN where unknown.
        high: Upper end; equal to ``low`` where a size is a number.
    """

    rows: NDArray[np.intp]
    shape: tuple[int, ...]
    spacing: NDArray[np.float64]
    low: Fractions
    high: Fractions

    def around(self, tolerance: float) -> tuple[Fractions, Fractions]:
        """Return the ends between which sizes are, each (K,): ranges as they are, numbers ± the tolerance."""
        number = self.low == self.high
        low = np.where(number, self.low * (1 - tolerance), self.low)
        high = np.where(number, self.high * (1 + tolerance), self.high)
        return low, high


def items_of(store: SliceStore, rows: NDArray[np.integer], estimates: Mapping[Level, Estimates]) -> list[Item]:
    """Return the volumes, and then the slices that are known by themselves, which stand for their part of a volume.

    Args:
        store: The slices.
        rows: Some rows, whole cases where sizes are of volumes.
        estimates: Sizes of slices, of volumes, or of both.
    """
    items: list[Item] = []
    plane = (store.side, store.side)
    cases = store.index["case"].iloc[rows]
    spacings = {case: _spacing(store, case) for case in cases.unique()}
    if "volume" in estimates:
        low, high = _ends(estimates["volume"])
        for case, spacing in spacings.items():
            own = store.rows([case])
            items.append(Item(own, (len(own), *plane), spacing, low[own[0]], high[own[0]]))
    if "slice" in estimates:
        low, high = _ends(estimates["slice"])
        known = np.asarray(~np.isnan(low[:, 1:] + high[:, 1:]).any(axis=1))
        items += [
            Item(np.array([row]), plane, spacings[case][1:], low[row], high[row])
            for row, case in zip(rows, cases, strict=True)
            if known[row] or "volume" not in estimates
        ]
    return items


def _ends(estimates: Estimates) -> tuple[Fractions, Fractions]:
    low = np.where(np.isnan(estimates.low), estimates.value, estimates.low)
    high = np.where(np.isnan(estimates.high), estimates.value, estimates.high)
    return low, high


def _spacing(store: SliceStore, case: str) -> NDArray[np.float64]:
    """The spacing of a case's slices, between them and along their rows and columns, in mm; 1 if it is not known."""
    x, y, z = store.spacing_mm(case)
    along_x, along_y = store.grid(case).scale
    spacing = np.array([z, along_x * x, along_y * y])
    return np.ones(3) if np.isnan(spacing).any() else spacing
