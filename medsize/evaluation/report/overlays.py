"""Slices with outlines and seeds drawn over them, as data for an inline SVG."""

import base64
import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.image import imsave
from numpy.typing import NDArray

UNLABELLED: Final = 255
CERTAIN: Final = (0.20, 0.80, 0.45, 0.50)
"""Red, green, blue and opacity over pixels that are certainly of a structure; ``style.css`` has it in the key."""
OPEN: Final = (0.98, 0.93, 0.35, 0.40)
"""Likewise over those that may be of a structure or not."""
_LEAST_SIDE_MM: Final = 90.0
_MARGIN: Final = 1.7


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a slice that is shown.

    Attributes:
        x: First and last pixel (exclusive) along X.
        y: Likewise along Y.
    """

    x: tuple[int, int]
    y: tuple[int, int]

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window as an index of an (X, Y) array."""
        return slice(*self.x), slice(*self.y)


@dataclass(frozen=True, slots=True)
class Overlay:
    """One slice ready to draw, columns along X and rows along Y, as SVG elements in pixel units.

    Attributes:
        width_mm: Extent of what is shown along X.
        height_mm: Likewise along Y.
        columns: Pixels shown along X.
        rows: Likewise along Y.
        image: The pixels as a PNG data URI.
        truth: Path data of the label's outlines; empty if there are none.
        prediction: Path data of the prediction's outlines.
        seeds: Path data of one dot a seed pixel.
        grown: What was grown from seeds and sizes as a PNG data URI to lay over the image: one colour where a structure
            is certain, another where nothing is; empty if nothing was grown.
    """

    width_mm: float
    height_mm: float
    columns: int
    rows: int
    image: str
    truth: str
    prediction: str
    seeds: str
    grown: str = ""


def draw(
    image: NDArray[np.floating] | NDArray[np.uint8],
    window: Window,
    pixel_mm: tuple[float, float],
    *,
    contrast: tuple[float, float],
    truth: NDArray[np.uint8] | None,
    prediction: NDArray[np.uint8],
    seeds: NDArray[np.floating],
    grown: NDArray[np.uint8] | None = None,
) -> Overlay:
    """Prepare one slice.

    Args:
        image: (X, Y) intensities, or (X, Y, 3) colours, which the contrast does not concern.
        window: What part to show.
        pixel_mm: Spacing along X and Y.
        contrast: Intensities shown black and white.
        truth: (X, Y) classes of the label, if it is to be shown.
        prediction: (X, Y) predicted classes.
        seeds: (n, 2) positions of seed pixels, in pixels of the slice; fractions are allowed.
        grown: (X, Y) classes that followed from seeds and sizes, 255 where undecided, if they are to be shown.
    """
    columns, rows = image[window.slices].shape[:2]
    inside = seeds + 0.5 - [window.x[0], window.y[0]]
    inside = inside[((inside >= 0) & (inside <= [columns, rows])).all(1)]
    return Overlay(
        width_mm=columns * pixel_mm[0],
        height_mm=rows * pixel_mm[1],
        columns=columns,
        rows=rows,
        image=_png(image[window.slices].swapaxes(0, 1), contrast),
        truth="" if truth is None else outline(truth[window.slices]),
        prediction=outline(prediction[window.slices]),
        seeds="".join(f"M{x:.4g} {y:.4g}h0" for x, y in inside),
        grown="" if grown is None else _tint(grown[window.slices].T),
    )


def window_around(
    mask: NDArray[np.bool_], pixel_mm: tuple[float, float], *, least_side_mm: float = _LEAST_SIDE_MM
) -> Window:
    """Return a square (in mm) around a mask with a margin, as far as the slice reaches.

    Args:
        mask: (X, Y); where it is empty, the window is around the middle of the slice.
        pixel_mm: Spacing along X and Y.
        least_side_mm: The smallest side of the square.
    """
    at = np.argwhere(mask) if mask.any() else np.array([[n // 2 for n in mask.shape]])
    low, high = at.min(0), at.max(0) + 1
    side_mm = max(float(((high - low) * pixel_mm).max()) * _MARGIN, least_side_mm)
    ranges = []
    for middle, length, step in zip((low + high) / 2, mask.shape, pixel_mm, strict=True):
        count = min(round(side_mm / step), length)
        first = int(np.clip(round(middle - count / 2), 0, length - count))
        ranges.append((first, first + count))
    return Window(ranges[0], ranges[1])


def outline(classes: NDArray[np.uint8]) -> str:
    """Return SVG path data of the borders between classes, exactly along the edges of pixels.

    Args:
        classes: (X, Y); beyond it is background.

    Returns:
        Lines in pixel units, X to the right and Y down; the empty string for a slice of background.
    """
    padded = np.pad(classes, 1)
    down = _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])
    across = _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)
    return "".join([f"M{x} {y}v{n}" for x, y, n in down] + [f"M{x} {y}h{n}" for y, x, n in across])


def seed_positions(seeds: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the (n, 2) positions of the pixels of a slice whose class is told."""
    return np.argwhere(seeds != UNLABELLED).astype(np.float64)


def contrast_of(image: NDArray[Any]) -> tuple[float, float]:
    """Return the intensities to show black and white: all but the extreme half percent on either side."""
    low, high = np.quantile(image, (0.005, 0.995))
    return float(low), float(max(high, low + np.finfo(np.float32).tiny))


def _runs(borders: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return line, start and length of each run of True along the second axis."""
    steps = np.diff(np.pad(borders, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(steps == 1), np.argwhere(steps == -1)
    return [(int(line), int(start), int(end - start)) for (line, start), (_, end) in zip(starts, ends, strict=True)]


def _tint(labels: NDArray[np.uint8]) -> str:
    colours = np.zeros((*labels.shape, 4))
    colours[(labels > 0) & (labels != UNLABELLED)] = CERTAIN
    colours[labels == UNLABELLED] = OPEN
    return _png(colours, (0, 1))


def _png(pixels: NDArray[Any], contrast: tuple[float, float]) -> str:
    buffer = io.BytesIO()
    imsave(buffer, pixels, cmap="gray", vmin=contrast[0], vmax=contrast[1], format="png", metadata={"Software": ""})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
