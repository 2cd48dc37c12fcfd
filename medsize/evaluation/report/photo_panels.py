"""Photos with their classes filled in, as data for an inline SVG."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsize.inference.colours import Colour
from medsize.metrics.confusion import VOID

_LONGEST_SIDE: Final = 480
_QUALITY: Final = 82
_FILLED: Final = 120
_BORDER: Final = 255
_VOID_SHADE: Final = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class PhotoPanel:
    """One photo ready to draw, as data URIs of one size.

    Attributes:
        width: In pixels of what is shown; large photos are shown smaller.
        height: Likewise.
        photo: JPEG.
        truth: PNG of the label's classes, clear where there is none.
        prediction: Likewise of the predicted ones.
    """

    width: int
    height: int
    photo: str
    truth: str
    prediction: str


def draw_photo(
    colours: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    palette: Sequence[Colour],
) -> PhotoPanel:
    """Prepare one photo.

    Args:
        colours: (H, W, 3), the photo.
        truth: (H, W) class indices; 255 is void, and drawn in a pale shade.
        prediction: (H, W) class indices.
        palette: Colour of each class from 1.
    """
    height, width = truth.shape
    scale = min(_LONGEST_SIDE / max(height, width), 1)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    buffer = io.BytesIO()
    Image.fromarray(colours).resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=_QUALITY)
    return PhotoPanel(
        width=size[0],
        height=size[1],
        photo=_uri(buffer, "jpeg"),
        truth=_filled(truth, size, palette),
        prediction=_filled(prediction, size, palette),
    )


def _filled(classes: NDArray[np.uint8], size: tuple[int, int], palette: Sequence[Colour]) -> str:
    """Return classes as a PNG of a few colours: see-through within, opaque along the border."""
    small = np.asarray(Image.fromarray(classes).resize(size, Image.Resampling.NEAREST))
    present = [number for number in np.unique(small).tolist() if number not in (0, VOID)]
    shown = np.zeros(small.shape, np.uint8)
    shown[small == VOID] = 1
    entries: list[tuple[Colour, int]] = [((0, 0, 0), 0), (_VOID_SHADE, _FILLED)]
    edge = _edges(small)
    for number in present:
        of_class = small == number
        shown[of_class], shown[of_class & edge] = len(entries), len(entries) + 1
        entries += [(palette[number - 1], _FILLED), (palette[number - 1], _BORDER)]
    image = Image.fromarray(shown, mode="P")
    image.putpalette([part for colour, _ in entries for part in colour])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=bytes(alpha for _, alpha in entries), optimize=True)
    return _uri(buffer, "png")


def _edges(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the pixels within two of another class, up, down, left or right; the frame of the photo is no border."""
    padded = np.pad(classes, 2, mode="edge")
    inside = padded[2:-2, 2:-2]
    rows, columns = classes.shape
    shifted = [
        padded[2 + down : 2 + down + rows, 2 + right : 2 + right + columns]
        for step in (1, 2)
        for down, right in ((step, 0), (-step, 0), (0, step), (0, -step))
    ]
    return np.asarray(np.any([inside != each for each in shifted], axis=0), np.bool_)


def _uri(buffer: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()
