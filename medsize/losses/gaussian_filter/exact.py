"""The exact filter: every pair of pixels, a block of the affinities at a time."""

import math
from importlib.util import find_spec
from typing import Final

import torch
from torch import Tensor

from medsize.losses.gaussian_filter.features import Features

_BLOCK: Final = 1 << 22
"""Affinities that are held at once."""

_SMALLEST_EXPONENT: Final = -80.0
"""A float32 stays normal down to here; arithmetic below is many times slower on a CPU."""


def exact_filter(features: Features, values: Tensor) -> Tensor:
    """``WV`` by the sum over all pairs: time O(N²), memory O(N) and a block.

    Args:
        features: Of N pixels an image.
        values: V, (B, K, *spatial).
    """
    if values.is_cuda and values.dtype == torch.float32 and find_spec("triton"):
        from medsize.losses.gaussian_filter.fused import fused_filter

        return fused_filter(features, values)
    points = features.points.to(values.dtype)
    flat = values.flatten(2).transpose(1, 2)
    filtered = torch.stack([_filter_image(f, v) for f, v in zip(points, flat, strict=True)])
    return filtered.transpose(1, 2).reshape(values.shape)


def _filter_image(points: Tensor, values: Tensor) -> Tensor:
    half = points.square().sum(1) / 2
    block = math.ceil(_BLOCK / len(points))
    filtered = torch.empty_like(values)
    for begin in range(0, len(points), block):
        here = slice(begin, begin + block)
        exponent = torch.addmm(-half, points[here], points.T).sub_(half[here].unsqueeze(1))
        filtered[here] = exponent.clamp_(_SMALLEST_EXPONENT, 0).exp_() @ values
    return filtered
