"""A picture of a case: some of its slices with the outlines of what was found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsize.data.volumes import Volume
from medsize.files import atomic_path
from medsize.inference.colours import Colour

_TILE: Final = 256
_SLICES: Final = 5
_FRAMES: Final = 3
_GAP: Final = 4


def write_picture(
    path: Path, frames: Sequence[Volume], labels: Sequence[NDArray[np.uint8]], colours: Mapping[int, Colour]
) -> None:
    """Write up to five slices of up to three time frames as a PNG, whole or not at all.

    Slices are spread evenly over those in which any frame has a structure (over all, if none has), frames evenly
    over all; a row is a frame. X goes to the right and Y down, and a millimetre is as long along both. The outlines
    are the outermost pixels of each structure.

    Args:
        path: File to write, ``.png``.
        frames: The image, (X, Y, Z) each.
        labels: Values on the same grid.
        colours: Value to colour.

    Raises:
        InputError: The place cannot be written to.
    """
    shown = [frames[at] for at in _spread(np.arange(len(frames)), _FRAMES)]
    values = [labels[at] for at in _spread(np.arange(len(frames)), _FRAMES)]
    occupied = np.flatnonzero(np.any([label.any(axis=(0, 1)) for label in values], axis=0))
    chosen = _spread(occupied if occupied.size else np.arange(values[0].shape[2]), _SLICES)
    # One byte a pixel and a palette: a third of the bytes to compress, which is what takes time.
    palette = [(level, level, level) for level in range(256 - len(colours))] + list(colours.values())
    rows = [_row(frame, label, chosen, list(colours)) for frame, label in zip(shown, values, strict=True)]
    picture = Image.fromarray(np.concatenate([part for row in rows for part in (row, np.zeros_like(row[:_GAP]))][:-1]))
    picture.putpalette([part for colour in palette for part in colour])
    with atomic_path(path) as partial:
        picture.save(partial, "PNG", compress_level=1)


def _spread(places: NDArray[Any], count: int) -> list[int]:
    """Return up to ``count`` of some places, evenly, without the ends where there are more."""
    if len(places) <= count:
        return [int(place) for place in places]
    at = (np.arange(count) + 0.5) * len(places) / count
    return [int(place) for place in places[at.astype(int)]]


def _row(frame: Volume, label: NDArray[np.uint8], chosen: list[int], values: list[int]) -> NDArray[np.uint8]:
    """Return slices side by side: grey levels from 0, and above them a number for each value."""
    columns, rows = _pixels(frame)
    levels = 256 - len(values)
    sampled = frame.array[np.ix_(columns, rows, np.asarray(chosen))]
    low, high = np.quantile(sampled[::4, ::4], (0.005, 0.995))
    scaled = (sampled - low) * (levels / max(high - low, np.finfo(np.float32).tiny))
    grey = scaled.clip(0, levels - 1).astype(np.uint8)
    tiles = []
    for place, plane in enumerate(chosen):
        tile = grey[:, :, place].T.copy()
        shown = label[columns[:, None], rows, plane].T
        edge = _edges(shown)
        for number, value in enumerate(values):
            tile[edge & (shown == value)] = levels + number
        tiles += [tile, np.zeros((len(tile), _GAP), np.uint8)]
    return np.concatenate(tiles[:-1], axis=1)


def _pixels(frame: Volume) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which voxels along X and Y the pixels of a tile show; its longer side has ``_TILE`` pixels."""
    x, y, _ = frame.array.shape
    sides_mm = x * frame.spacing_mm[0], y * frame.spacing_mm[1]
    counts = [max(round(_TILE * side / max(sides_mm)), 1) for side in sides_mm]
    columns, rows = (
        ((np.arange(count) + 0.5) * voxels / count).astype(np.intp)
        for count, voxels in zip(counts, (x, y), strict=True)
    )
    return columns, rows


def _edges(values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the pixels with a neighbour of another value, up, down, left or right."""
    padded = np.pad(values, 1)
    inside = padded[1:-1, 1:-1]
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edges: NDArray[np.bool_] = np.any([inside != neighbour for neighbour in neighbours], axis=0)
    return edges
