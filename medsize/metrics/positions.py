"""Where along the heart a slice lies: base, mid, apex, or beyond the reference."""

import numpy as np
from numpy.typing import NDArray


def slice_positions(areas: NDArray[np.int64]) -> list[str]:
    """Name the position of each slice by the reference alone.

    The slices that hold any structure, in their order, are divided into thirds by their middles: ``base``, ``mid`` and
    ``apex``. The base is the end whose third holds more of the structures (of both the same: the first). A slice
    without any structure is ``outside``.

    Args:
        areas: Voxels of all structures of the reference in each slice, (Z,).
    """
    holds = np.flatnonzero(areas)
    middles = (np.arange(len(holds)) + 0.5) / max(len(holds), 1)
    thirds = np.digitize(middles, (1 / 3, 2 / 3))
    first, last = (int(areas[holds[thirds == third]].sum()) for third in (0, 2))
    names = ("base", "mid", "apex") if first >= last else ("apex", "mid", "base")
    positions = ["outside"] * len(areas)
    for number, third in zip(holds.tolist(), thirds.tolist(), strict=True):
        positions[number] = names[third]
    return positions
