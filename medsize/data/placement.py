"""Where the voxels of an image lie and how large they are: what can be believed, and which places are the same."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medsize.errors import InputError

LEAST_MM: Final = 0.1
MOST_MM: Final = 50.0
"""Voxels of patients are from 0.1 to 50 mm a side; what lies outside was given in another unit, or made up."""

MOST_EXTENT_MM: Final = 3000.0
"""No image of a patient is longer."""

_ROUNDING: Final = 1e-5
_ALIKE: Final = 0.05  # of a voxel's side, at any corner of the image
_UNITS: Final = {"metres": 1000.0, "centimetres": 10.0, "micrometres": 0.001}

Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the voxels of an image lie, as its header says.

    Attributes:
        affine: 4 × 4, from voxel indices to RAS mm, as the file gives it.
        spacing_mm: Distance of voxel centres along X, Y and Z.
        spacing_from: What in the file says so, for messages.
        others: Affines that other programs take from the same header, and that are as good.
    """

    affine: Affine
    spacing_mm: tuple[float, float, float]
    spacing_from: str = "the spacing of its header"
    others: tuple[Affine, ...] = ()


def check_place(place: Place, shape: Sequence[int], path: Path) -> None:
    """Refuse an image that does not say where its voxels are, or whose voxels are of no believable size.

    Every volume in mL rests on this: a spacing in metres, or one that a program made up, is seen here.

    Args:
        place: Of the image.
        shape: Voxels along X, Y and Z.
        path: What to call the image.

    Raises:
        InputError: The affine is singular or not finite; a voxel is below 0.1 or above 50 mm a side; or the image is
            longer than 3 m.
    """
    sides = np.array(place.spacing_mm, np.float64)
    if (
        not (np.isfinite(sides).all() and (sides >= LEAST_MM * (1 - _ROUNDING)).all())
        or (sides > MOST_MM * (1 + _ROUNDING)).any()
    ):
        raise InputError(
            f"{path} has voxels of {millimetres(sides)}, which cannot be",
            expected=f"{LEAST_MM:g} to {MOST_MM:g} mm a side",
            found=place.spacing_from,
            remedy=_likely_unit(sides) or "write the file again with the spacing that the scanner gave",
        )
    affine = place.affine
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not (lengths > 0).all() or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-6:
        raise InputError(
            f"{path} does not say where its voxels are",
            expected="three independent axes and a finite origin",
            found=in_one_line(affine),
            remedy="write the file again with its spacing and orientation",
        )
    extent_mm = sides * list(shape)[:3]
    if (extent_mm > MOST_EXTENT_MM).any():
        raise InputError(
            f"{path} would be {extent_mm.max() / 1000:.3g} m long",
            expected=f"an image of a patient, up to {MOST_EXTENT_MM / 1000:g} m",
            found=f"{' × '.join(map(str, list(shape)[:3]))} voxels of {millimetres(sides)} ({place.spacing_from})",
            remedy="write the file again with the spacing that the scanner gave",
        )


def _likely_unit(sides: NDArray[np.float64]) -> str:
    """Return what to do if one unit makes the sides those of usual voxels."""
    for unit, factor in _UNITS.items():
        if ((sides * factor >= 0.2) & (sides * factor <= 20)).all():
            return f"the numbers are probably {unit}: write the file again in mm, or with that unit in its header"
    return ""


def scaled_to(affine: Affine, spacing_mm: Sequence[float]) -> Affine:
    """Return an affine with its axes as long as a spacing."""
    with np.errstate(divide="ignore", invalid="ignore"):  # an axis without a length is refused elsewhere
        factors = np.divide(spacing_mm, voxel_sizes(affine))
    return np.asarray(affine * [*factors, 1.0])


def places_meet(some: Sequence[Affine], others: Sequence[Affine], shape: Sequence[int]) -> bool:
    """Tell whether one of several affines puts an image where one of others does: no corner is 5 % of a voxel off.

    Args:
        some: The affines that the header of one image admits.
        others: Those of the other image.
        shape: Voxels along X, Y and Z, of both.
    """
    corners = np.array([[*corner, 1.0] for corner in product(*((0.0, size - 1.0) for size in shape[:3]))])
    for one in some:
        allowed_mm = _ALIKE * voxel_sizes(one).min()
        if any((np.linalg.norm(corners @ (one - other).T, axis=1) <= allowed_mm).all() for other in others):
            return True
    return False


def in_one_line(affine: Affine) -> str:
    """Return an affine as text: its three rows."""
    rows = ("[" + ", ".join(f"{value:.5g}" for value in row) + "]" for row in affine[:3])
    return f"[{', '.join(rows)}]"


def millimetres(sides: Sequence[float] | NDArray[np.float64]) -> str:
    """Return lengths as text."""
    return f"{' × '.join(f'{float(side):.4g}' for side in sides)} mm"
