"""How a case is laid on the screen: which way is up, and the grey values."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

from dataclasses import dataclass
from typing import Final

import numpy as np
from nibabel.orientations import aff2axcodes
from numpy.typing import NDArray

from medsize.data.volumes import Volume

_TOWARDS: Final = {"R": "L", "L": "L", "A": "P", "P": "P", "S": "I", "I": "I"}
_GREYS: Final = 65535
_SAMPLE: Final = 1_000_000
"""How many voxels the first window is taken from; of a large scan all would take seconds."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The way radiologists look at a plane: the patient's left (or back) to the right, back (or feet) down.

    Screen positions (across, down) and voxel positions (x, y) are counted in pixels from the centre of the first.

    Attributes:
        shape_xy: Pixels of the plane.
        across_axis: Which voxel axis, 0 or 1, runs across the screen.
        flipped: Whether x and y run against the screen.
    """

    shape_xy: tuple[int, int]
    across_axis: int
    flipped: tuple[bool, bool]

    def screen(self, plane: NDArray[np.generic]) -> NDArray[np.generic]:
        """Turn a plane (X, Y) into an image (down, across)."""
        turned = plane[:: -1 if self.flipped[0] else 1, :: -1 if self.flipped[1] else 1]
        return turned.T if self.across_axis == 0 else turned

    def to_voxel(self, across: float, down: float) -> tuple[float, float]:
        """Return the voxel position (x, y) of a screen position."""
        x, y = (across, down) if self.across_axis == 0 else (down, across)
        return self._flip(x, y)

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        """Return the screen position (across, down) of a voxel position."""
        x, y = self._flip(x, y)
        return (x, y) if self.across_axis == 0 else (y, x)

    def _flip(self, x: float, y: float) -> tuple[float, float]:
        width, height = self.shape_xy
        return (width - 1 - x if self.flipped[0] else x, height - 1 - y if self.flipped[1] else y)


def layout_of(volume: Volume) -> Layout:
    """Return how the planes of a volume are laid on the screen."""
    codes = [str(code) for code in aff2axcodes(volume.affine)[:2]]
    across = 0 if "LPI".index(_TOWARDS[codes[0]]) < "LPI".index(_TOWARDS[codes[1]]) else 1
    x, y = (code != _TOWARDS[code] for code in codes)
    return Layout((volume.array.shape[0], volume.array.shape[1]), across, (x, y))


@dataclass(frozen=True, slots=True)
class Picture:
    """A case as the page shows it.

    Attributes:
        layout: From voxels to the screen.
        greys: (X, Y, Z) uint16, the whole range of the volume from black to white.
        window: The grey values to begin with at black and at white: all but the extreme half percents.
        pixel_mm: Size of a screen pixel, across and down.
        voxel_ml: Volume of one voxel.
    """

    layout: Layout
    greys: NDArray[np.uint16]
    window: tuple[float, float]
    pixel_mm: tuple[float, float]
    voxel_ml: float

    def plane(self, number: int) -> bytes:
        """Return one slice as little-endian 16-bit values, line by line."""
        image = self.layout.screen(self.greys[:, :, number])
        return np.ascontiguousarray(image, "<u2").tobytes()


def picture_of(volume: Volume) -> Picture:
    """Prepare a volume for the page."""
    low, high = float(volume.array.min()), float(volume.array.max())
    scaled = (volume.array - np.float32(low)) * np.float32(_GREYS / (high - low))
    greys = np.clip(np.rint(scaled, out=scaled), 0, _GREYS).astype(np.uint16)
    sample = greys.ravel()[:: max(greys.size // _SAMPLE, 1)]
    black, white = (float(value) for value in np.percentile(sample, (0.5, 99.5)))
    layout = layout_of(volume)
    x, y, _ = volume.spacing_mm
    pixel_mm = (x, y) if layout.across_axis == 0 else (y, x)
    return Picture(layout, greys, (black, white) if white > black else (0.0, float(_GREYS)), pixel_mm, volume.voxel_ml)
