"""Whether an image is about as large, in millimetres, as those that a network was trained on.

A unit that a header leaves out or has wrong (a NIfTI written in cm that says nothing) makes voxels that are possible,
and volumes that are wrong by a factor of a thousand. The sides of the image tell: a heart is scanned in 20 to 40 cm.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, Self

from medsize.data.store import SliceStore
from medsize.data.volumes import Volume
from medsize.errors import InputError

_KEY: Final = "medsize_extent_mm"
_FACTOR: Final = 5.0
"""Crops and scanners differ by less; the nearest wrong unit, cm for mm, by ten."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Lengths of the shorter side of planes.

    Attributes:
        smallest_mm: Of the smallest plane.
        largest_mm: Of the largest.
    """

    smallest_mm: float
    largest_mm: float

    @classmethod
    def of_cases(cls, store: SliceStore, cases: Iterable[str]) -> Self | None:
        """Return that of cases on their own grids; None of photos, whose pixels have no length."""
        sides_mm = [_shorter(store.grid(case).case_shape, store.spacing_mm(case)) for case in cases]
        known = [side for side in sides_mm if isfinite(side)]
        return cls(min(known), max(known)) if known else None

    @classmethod
    def in_metadata(cls, metadata: Mapping[str, str]) -> Self | None:
        """Return what a file of weights says; None if it says nothing."""
        return cls(*json.loads(metadata[_KEY])) if _KEY in metadata else None

    def metadata(self) -> dict[str, str]:
        """Return it as a file of weights keeps it."""
        return {_KEY: json.dumps([self.smallest_mm, self.largest_mm])}

    def require(self, volume: Volume) -> None:
        """Refuse an image that is far larger or smaller; photos have no length.

        Raises:
            InputError: It is.
        """
        if volume.colours is not None:
            return
        side_mm = _shorter(volume.array.shape[:2], volume.spacing_mm)
        if self.smallest_mm / _FACTOR <= side_mm <= self.largest_mm * _FACTOR:
            return
        spacing = " × ".join(f"{length:.4g}" for length in volume.spacing_mm)
        raise InputError(
            f"{volume.path} has another scale than the images that the network was trained on",
            expected=f"planes whose shorter side is about {_range(self.smallest_mm, self.largest_mm)} mm",
            found=f"{side_mm:.4g} mm, from voxels of {spacing} mm",
            remedy="correct the voxel sizes in its header (most often their unit: cm, m or µm written as mm)",
        )


def _shorter(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> float:
    return min(count * length for count, length in zip(shape[:2], spacing_mm[:2], strict=True))


def _range(low: float, high: float) -> str:
    return f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"
