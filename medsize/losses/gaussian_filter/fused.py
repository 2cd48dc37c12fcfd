"""The exact filter on a GPU: one kernel that never writes the affinities, like attention without its soft-max."""

import math
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from medsize.losses.gaussian_filter.features import Features

_ROWS: Final = 128
_COLUMNS: Final = 64


def fused_filter(features: Features, values: Tensor) -> Tensor:
    """``WV`` by the sum over all pairs: time O(N²), memory O(N·K).

    Exponents and sums are float32; affinities and values meet in float16, on the tensor cores.

    Args:
        features: Of N pixels an image.
        values: V, (B, K, *spatial), float32.
    """
    batch, K = values.shape[:2]
    # exp(x) = exp2(x · log2 e), with the factor in the features: the kernel's exponential is one instruction.
    points = (features.points.to(torch.float32) * math.sqrt(math.log2(math.e))).transpose(1, 2).contiguous()
    half = points.square().sum(1) / 2
    N, width = points.shape[2], max(16, triton.next_power_of_2(K))
    peak = values.abs().amax().clamp(min=torch.finfo(values.dtype).tiny)
    padded = values.new_zeros(batch, N, width, dtype=torch.float16)
    padded[:, :, :K] = values.flatten(2).transpose(1, 2) / peak
    filtered = torch.empty_like(values, memory_format=torch.contiguous_format)
    grid = (triton.cdiv(N, _ROWS), batch)
    _filter[grid](points, half, padded, filtered, N, K, points.shape[1], width, _ROWS, _COLUMNS, num_warps=8)
    return filtered.mul_(peak)


@triton.jit  # type: ignore[untyped-decorator]  # Triton is not installed where types are checked
def _filter(  # type: ignore[no-untyped-def]  # pointers have no types in Python
    points,  # (B, axes, N) features
    half,  # (B, N) half their squared norms
    values,  # (B, N, width) float16
    filtered,  # (B, K, N) float32
    N,
    K,
    axes: tl.constexpr,
    width: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    image = tl.program_id(1).to(tl.int64)
    points += image * axes * N
    half += image * N
    values += image * N * width
    filtered += image * K * N
    p = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    k = tl.arange(0, width)
    half_p = tl.load(half + p, mask=p < N, other=0.0)
    total = tl.zeros((ROWS, width), dtype=tl.float32)
    for start in range(0, N, COLUMNS):
        q = start + tl.arange(0, COLUMNS)
        half_q = tl.load(half + q, mask=q < N, other=0.0)
        exponent = -half_p[:, None] - half_q[None, :]
        for axis in tl.static_range(axes):
            f_p = tl.load(points + axis * N + p, mask=p < N, other=0.0)
            f_q = tl.load(points + axis * N + q, mask=q < N, other=0.0)
            exponent += f_p[:, None] * f_q[None, :]
        w = tl.exp2(exponent).to(tl.float16)
        v = tl.load(values + q[:, None] * width + k[None, :], mask=q[:, None] < N, other=0.0)
        total = tl.dot(w, v, total)
    tl.store(filtered + k[None, :] * N + p[:, None], total, mask=(p[:, None] < N) & (k[None, :] < K))
