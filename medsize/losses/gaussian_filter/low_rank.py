"""An almost exact filter in linear time: few intensities, and few places, stand for all.

The affinity is a product, ``w_pq = g(x_p − x_q) · h(c_p − c_q)``, of Gaussians in place and in intensity.

- **Intensity** (Nyström's method). With the intensities of r pixels as landmarks, C_pi = h(c_p − l_i) and
  M_ij = h(l_i − l_j), the matrix of h is almost ``C M⁻¹ Cᵀ``. A photo has tens of thousands of colours, but at the
  papers' σ about a hundred that differ. They are chosen by a Cholesky decomposition with pivots of the colours'
  histogram, which knows at each step how much of h is still missing, on average over the pixels, and stops at a
  tolerance.
- **Place**. Pixels are gathered in cells of a sixth of σ_xy; between cells, g is the product of one Gaussian
  an axis, each of which has few eigenvectors that count.

What comes out is a symmetric, positive matrix too, so the loss and its gradient belong to one energy.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from medsize.losses.gaussian_filter.features import Features

TOLERANCE: Final = 0.03
"""Share of the affinity in intensity that may be missing, on average over the pixels."""

_CELL: Final = 0.16
"""Side of a cell of pixels, in units of σ_xy."""

_PLACE_TOLERANCE: Final = 1e-3
_BIN: Final = 1.0
_MANY_BINS: Final = 800
_MOST_CODES: Final = 1 << 22
_FEW: Final = 32
_BLOCK: Final = 1 << 19
_JITTER: Final = 1e-6
_SMALLEST_EXPONENT: Final = -20.0
"""Affinities below 2e-9 count as that: numbers too small for float32 make a CPU many times slower."""


_Array = NDArray[np.floating]


def low_rank_filter(features: Features, values: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """``WV`` with W of low rank: time O(N·r·K), memory O(N·K).

    Args:
        features: Of N pixels an image.
        values: V, (B, K, *spatial), float32 or better.
        tolerance: Share of the affinity in intensity that may be missing, on average over the pixels.
    """
    spatial = values.shape[2:]
    cell = [max(1, min(size, int(_CELL / step))) for size, step in zip(spatial, features.steps, strict=True)]
    bases = [
        eigenvectors(math.ceil(size / side), step * side).to(values)
        for size, step, side in zip(spatial, features.steps, cell, strict=True)
    ]
    filtered = torch.empty_like(values, memory_format=torch.contiguous_format)
    for intensity, value, out in zip(features.intensity.to(values.dtype), values, filtered, strict=True):
        _filter_image(intensity, value, landmarks(intensity.flatten(1).T, tolerance), cell, bases, out)
    return filtered


def _filter_image(
    intensity: Tensor, values: Tensor, points: Tensor, cell: Sequence[int], bases: Sequence[Tensor], out: Tensor
) -> None:
    K, r, side = len(values), len(points), math.prod(cell)
    first, *rest = bases
    row = math.prod(len(basis) for basis in rest)  # cells
    origin = points.mean(0)
    points = points - origin
    pixels = to_cells(intensity - origin.view(-1, *[1] * len(cell)), cell)
    # C_ip = exp(−½‖c_p − l_i‖²) = exp(c_p·l_i − ½‖c_p‖² − ½‖l_i‖²): one product of matrices.
    left = torch.cat([points, points.new_ones(r, 1), points.square().sum(1, keepdim=True) / -2], 1)
    right = torch.cat([pixels, pixels.square().sum(1, keepdim=True) / -2, pixels.new_ones(len(pixels), 1, side)], 1)
    shares = to_cells(values, cell)
    if shares.data_ptr() == values.data_ptr():  # cells of one pixel: what follows would write into the caller's values
        shares = shares.clone()

    # Affinities are computed in slabs that stay in the cache, and twice, on the way in and on the way out: a CPU needs
    # longer to write them to memory and to read them again.
    rows = max(1, _BLOCK // (row * side * r))
    slabs = [
        (slice(begin * row, (begin + rows) * row), first[begin : begin + rows]) for begin in range(0, len(first), rows)
    ]
    buffer = values.new_empty(rows * row, r, side)

    def affinities(slab: slice) -> Tensor:
        here = right[slab]
        C = torch.bmm(left.expand(len(here), -1, -1), here, out=buffer[: len(here)])
        return C.clamp_(min=_SMALLEST_EXPONENT).exp_()

    gathered = values.new_zeros(first.shape[1], math.prod(basis.shape[1] for basis in rest) * K * r)
    for slab, weights in slabs:
        part = shares[slab] @ affinities(slab).transpose(1, 2)
        width = K * r
        for basis in reversed(rest):
            part = basis.T @ part.view(-1, len(basis), width)
            width *= basis.shape[1]
        gathered.addmm_(weights.T, part.view(-1, width))

    gathered = (gathered.view(-1, r) @ _inverse(points)).view(gathered.shape)

    for slab, weights in slabs:
        part = weights @ gathered
        width = part.shape[1]
        for basis in rest:
            width //= basis.shape[1]
            part = basis @ part.view(-1, basis.shape[1], width)
        torch.bmm(part.view(-1, K, r), affinities(slab), out=shares[slab])
    out.copy_(from_cells(shares, cell, out.shape[1:]))


def _inverse(points: Tensor) -> Tensor:
    """``M⁻¹``, (r, r), of the landmarks' affinities M."""
    distance = torch.cdist(points.double(), points.double())
    M = torch.exp(distance.square() / -2)
    M.diagonal().add_(_JITTER)
    inverse: Tensor = torch.cholesky_inverse(torch.linalg.cholesky(M))
    return inverse.to(points)


def landmarks(intensity: Tensor, tolerance: float) -> Tensor:
    """Intensities that stand for all others: the first pivots of a Cholesky decomposition of their affinities.

    Pixels are counted at the mean intensity of their bin, half a σ wide, or one where colours are many, and a bin
    weighs by its pixels. A pivot is the bin where most affinity is still missing. Where few landmarks do, more are
    taken, as they cost little: a tenth of the tolerance may be missing then.

    Args:
        intensity: In units of σ, (N, C).
        tolerance: Share of the affinity that may be missing, ``Σ_p (h − C M⁻¹ Cᵀ)_pp / N``.

    Returns:
        The landmarks, (r, C).
    """
    if intensity.shape[1] == 0:
        return intensity[:1]
    if not intensity.isfinite().all():
        raise ValueError("the image of a dense CRF must be finite, found NaN or infinity in it")
    pixels = intensity.cpu().numpy()
    bins, share = _bins(pixels, np.full(len(pixels), 1 / len(pixels)), _BIN / 2)
    if len(bins) > _MANY_BINS:
        bins, share = _bins(bins, share, _BIN)
    # Affinities of bins, times the root of both their shares, as exponents: left[i] · right[j].
    exponent = (np.log(share) - np.square(bins).sum(1)) / 2
    one = np.ones_like(exponent)
    left, right = np.column_stack([bins, exponent, one]), np.column_stack([bins, one, exponent])
    missing, total = share.copy(), float(share.sum())
    pivots: list[int] = []
    columns = np.empty((64, len(bins)), bins.dtype)
    while len(pivots) < len(bins) and total > (tolerance if len(pivots) >= _FEW else tolerance / 10):
        pivot, found = int(missing.argmax()), len(pivots)
        if found == len(columns):
            columns = np.concatenate([columns, np.empty_like(columns)])
        column = np.exp(left @ right[pivot], out=columns[found])
        column -= columns[:found, pivot] @ columns[:found]
        column /= math.sqrt(missing[pivot])
        missing -= column * column
        missing[pivot] = 0
        total -= float(column @ column)
        pivots.append(pivot)
    return torch.from_numpy(bins[pivots]).to(intensity)


def _bins(points: _Array, share: _Array, width: float) -> tuple[_Array, _Array]:
    """Return the mean of the points in each bin that holds any, (n, C), and the sum of their shares, (n,)."""
    cells = np.floor((points - points.min(0)) / width).astype(np.int64)
    shape = cells.max(0) + 1
    code = cells[:, 0]
    for axis in range(1, len(shape)):
        code = code * shape[axis] + cells[:, axis]
    if math.prod(shape.tolist()) > _MOST_CODES:
        code = np.unique(code, return_inverse=True)[1]
    total = np.bincount(code, share)
    filled = total.nonzero()[0]
    total = total[filled]
    means = [np.bincount(code, share * channel)[filled] / total for channel in points.T]
    return np.column_stack(means).astype(points.dtype), total.astype(points.dtype)


@lru_cache(maxsize=64)
def eigenvectors(size: int, step: float) -> Tensor:
    """Return Φ, (size, m), with ``ΦΦᵀ`` almost ``exp(−½ (i − j)² step²)``: no entry is off by more than 0.001."""
    place = torch.arange(size, dtype=torch.float64) * step
    values, vectors = torch.linalg.eigh(torch.exp((place[:, None] - place).square() / -2))
    basis: Tensor = (vectors * values.clamp(min=0).sqrt()).flip(1)
    missing = (1 - basis.square().cumsum(1)).amax(0)
    return basis[:, : int((missing > _PLACE_TOLERANCE).sum()) + 1].contiguous()


def to_cells(image: Tensor, cell: Sequence[int]) -> Tensor:
    """Gather the pixels of an image (C, *spatial) in cells: (cells, C, pixels of a cell), zero beyond the image."""
    axes = len(cell)
    beyond = [-size % side for size, side in zip(image.shape[1:], cell, strict=True)]
    if any(beyond):
        image = F.pad(image, [n for end in reversed(beyond) for n in (0, end)])
    split = [n for size, side in zip(image.shape[1:], cell, strict=True) for n in (size // side, side)]
    image = image.reshape(-1, *split).permute(*range(1, 2 * axes, 2), 0, *range(2, 2 * axes + 1, 2))
    return image.reshape(math.prod(split[::2]), -1, math.prod(cell)).contiguous()


def from_cells(cells: Tensor, cell: Sequence[int], spatial: Sequence[int]) -> Tensor:
    """Undo :func:`to_cells`: (C, *spatial)."""
    axes = len(cell)
    grid = [math.ceil(size / side) for size, side in zip(spatial, cell, strict=True)]
    image = cells.view(*grid, -1, *cell)
    image = image.permute(axes, *(axis for i in range(axes) for axis in (i, axes + 1 + i)))
    image = image.reshape(-1, *(n * side for n, side in zip(grid, cell, strict=True)))
    return image[(slice(None), *map(slice, spatial))]
