"""From the units that people use to the fractions that a network learns from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from medsize.errors import InputError
from medsize.supervision.size_table.entry import Unit

ROUNDING: Final = 1e-6
"""How much a size may exceed the image before it is an error: what rounding to six digits does."""

CELLS: Final[Mapping[Unit, int]] = MappingProxyType({"cells 5x4": 20, "cells 3x3": 9})
"""How many cells each grid has."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a slice or a case is: what a size is a fraction of.

    Attributes:
        pixels: Number of pixels of the slice, or of voxels of the whole case, on the case's own grid.
        pixel_mm2: Area of a pixel; NaN where the image has no spacing.
        voxel_ml: Volume of a voxel; NaN where the image has no spacing or no thickness.
        whole_case: Whether it is all slices of a case. A photo, or a case of one slice, may be taken as a slice.
    """

    pixels: float
    pixel_mm2: float
    voxel_ml: float
    whole_case: bool

    def physical(self, fraction: float) -> tuple[float, str]:
        """Return a size in mL of a case or mm² of a slice, or in percent where the image has no spacing."""
        whole = self.pixels * (self.voxel_ml if self.whole_case else self.pixel_mm2)
        return (100 * fraction, "%") if math.isnan(whole) else (fraction * whole, "mL" if self.whole_case else "mm²")


def to_fraction(number: float, unit: Unit, extent: Extent) -> float:
    """Convert a size to the fraction of its slice or case.

    On a slice, ``ml``, ``mm3`` and ``voxels`` are those of the structure's part in that slice, as thick as the
    distance between slices.

    Args:
        number: The size, not negative.
        unit: Its unit.
        extent: What it is a part of.

    Raises:
        InputError: The unit is one of slices and the extent a whole case, the image lacks the spacing that the unit
            needs, or the size exceeds the image.
    """
    if number == 0:
        return 0.0
    whole = _whole(unit, extent)
    fraction = number / whole
    if fraction > 1 + ROUNDING:
        raise InputError(
            f"bigger than the {'whole image' if extent.whole_case else 'slice'}",
            expected=f"at most {whole:.6g} {unit}",
            found=f"{number:.6g} {unit}",
            remedy="check the unit and the decimal mark",
        )
    return min(fraction, 1.0)


def from_fraction(fraction: float, unit: Unit, extent: Extent) -> float:
    """Convert a fraction of a slice or case to a size: the inverse of :func:`to_fraction`.

    Args:
        fraction: Of the slice or case.
        unit: Of the result.
        extent: What it is a part of.

    Raises:
        InputError: The unit is one of slices and the extent a whole case, or the image lacks the spacing it needs.
    """
    return fraction * _whole(unit, extent)


def _whole(unit: Unit, extent: Extent) -> float:
    """What the whole slice or case measures in this unit."""
    if extent.whole_case and unit in ("mm2", "cm2", "pixels", *CELLS):
        raise InputError(
            f"'{unit}' is the size on one slice, and the row has no slice",
            expected="ml, cm3, mm3, voxels, percent or fraction for a whole case",
            remedy="name the slice, or give the volume",
        )
    match unit:
        case "fraction":
            whole = 1.0
        case "percent":
            whole = 100.0
        case "pixels" | "voxels":
            whole = extent.pixels
        case "mm2":
            whole = extent.pixels * extent.pixel_mm2
        case "cm2":
            whole = extent.pixels * extent.pixel_mm2 / 100
        case "ml":
            whole = extent.pixels * extent.voxel_ml
        case "mm3":
            whole = extent.pixels * extent.voxel_ml * 1000
        case "cells 5x4" | "cells 3x3":
            whole = float(CELLS[unit])
    if math.isnan(whole):
        raise InputError(
            f"the image has no spacing to convert '{unit}' with",
            expected="percent, fraction, pixels or cells of a grid",
            remedy="use an image that tells its spacing in mm",
        )
    return whole
