"""The surface of a mask: where it runs between voxels, and how much of it lies at each place.

A place is a corner where 2 × 2 × 2 voxels meet (2 × 2 in a plane); the surface passes where some of them are inside and
some are not, and its area there is that of the triangles of marching cubes (in a plane: of the contour's piece). These
are the elements of S. Nikolov et al., "Clinically applicable segmentation of head and neck anatomy for radiotherapy"
(J. Med. Internet Res. 23(7), 2021), and of their code ``deepmind/surface-distance`` (Apache-2.0), from which the table
of triangles is taken. MONAI has the same table in float32.
"""

from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import product
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_EIGHTHS: Final = {
    "s": (1, 1, 1),
    "m": (2, 2, 2),
    "l": (3, 3, 3),
    "x": (0, 2, 2),
    "y": (2, 0, 2),
    "z": (2, 2, 0),
    "X": (4, 0, 0),
    "Y": (0, 4, 0),
    "Z": (0, 0, 4),
}
"""Kinds of triangles by the sides of their normals, in eighths of the faces of a voxel."""

_TRIANGLES: Final = """
    - s s zz s yy ss Xms s ss yy Xms zz Xms Xms XX s xx ss Yms ss Zms sss smms ss xxs yys slxy szz lxsz Xsms Xsm s
    ss xx Ysm ss syy xxs lxsy ss sss Zms mmss szz Xmss xlsz Xms zz Yms Ysm YY zzs lysz sYms Yms szz Ymss lzsy Yms
    zzzz zzs szz zz s ss ss szz xx Zms xxs lxsz ss sss syy Xmss Yms mmss ylxs Xms yy Zms syy ylzs Zms ZZ ssmZ smZ
    yys Zmss yyyy syy ylzs Zms syy yy ss sss sxx Ysms xxs Zmss xxxx xxs sss ssss Zmss sss Ymss sss xxs ss Xms msms
    lxsy Yms lzxs smZ sxx xx Xmss sss yys ss zzs ss ss s
"""
"""Triangles at a corner by the code of its voxels, 0 … 127; a code and its complement have the same."""


def surface_elements(mask: Mask, spacing_mm: Sequence[float]) -> tuple[Mask, NDArray[np.float64]]:
    """Return where the surface of a mask runs, and its area there.

    Args:
        mask: (X, Y) or (X, Y, Z); beyond its ends nothing is inside.
        spacing_mm: Distance of the voxels along each axis.

    Returns:
        Corners with surface, one more along each axis than voxels, and the area of each such corner in mm² (in a
        plane: length in mm), in the order of ``array[corners]``.
    """
    code = _neighbour_codes(mask)
    areas = element_areas(tuple(map(float, spacing_mm)))
    corners = (code > 0) & (code < len(areas) - 1)
    return corners, areas[code[corners]]


@lru_cache(maxsize=64)
def element_areas(spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the area in mm² (2-D: length in mm) of the surface at a corner for each code of its voxels.

    The first voxel of a corner (in C order) is the code's highest bit.

    Returns:
        (256,) for three spacings, (16,) for two.

    Raises:
        ValueError: There are neither two nor three spacings.
    """
    if len(spacing_mm) == 2:
        return _contour_lengths(*spacing_mm)
    if len(spacing_mm) != 3:
        raise ValueError(f"expected masks of 2 or 3 dimensions, found {len(spacing_mm)} spacings")
    x, y, z = spacing_mm
    area = {
        kind: float(np.linalg.norm([i / 8 * y * z, j / 8 * x * z, k / 8 * x * y]))
        for kind, (i, j, k) in _EIGHTHS.items()
    }
    # Added up in the order of the original: where exactly 95 % of a surface are reached, the last bit decides.
    half = [reduce(add, (area[kind] for kind in word.strip("-")), 0.0) for word in _TRIANGLES.split()]
    return np.array(half + half[::-1])


def _contour_lengths(first: float, second: float) -> NDArray[np.float64]:
    diagonal = 0.5 * float(np.hypot(first, second))
    half = [0, diagonal, diagonal, second, diagonal, first, 2 * diagonal, diagonal]
    return np.array(half + half[::-1])


def _neighbour_codes(mask: Mask) -> NDArray[np.uint8]:
    padded = np.pad(mask, 1).view(np.uint8)
    code = np.zeros([side + 1 for side in mask.shape], np.uint8)
    for offset in product((0, 1), repeat=mask.ndim):
        code <<= 1
        code |= padded[tuple(slice(start, start + side + 1) for start, side in zip(offset, mask.shape, strict=True))]
    return code
