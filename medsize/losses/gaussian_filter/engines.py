"""One function for the product with W, and the choice of who computes it."""

from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import torch
from torch import Tensor, library

from medsize.losses.gaussian_filter.exact import exact_filter
from medsize.losses.gaussian_filter.features import Features
from medsize.losses.gaussian_filter.low_rank import TOLERANCE, low_rank_filter
from medsize.losses.preconditions import require_option, require_positive, require_shape

Engine = Literal["auto", "exact", "low_rank"]

_FEW_PIXELS: Final = 2048
"""Up to here the exact filter is fast on a CPU too."""


def gaussian_filter(
    features: Features, values: Tensor, *, engine: Engine = "auto", tolerance: float = TOLERANCE
) -> Tensor:
    """``WV``: each pixel gets the sum of all pixels' values, weighted by ``w_pq = exp(−½‖f_p − f_q‖²)``.

    Nothing is normalised, and p = q is included. The gradient with respect to the values is the same filter, as W is
    symmetric; the features get none.

    Args:
        features: f, of images (B, C, *spatial).
        values: V, (B, K, *spatial); computed in float32 or better.
        engine: ``"exact"``, the sum over all pairs in blocks (on CUDA one fused kernel, if Triton is there);
            ``"low_rank"``, in linear time, for CPUs: see :mod:`~medsize.losses.gaussian_filter.low_rank`; or
            ``"auto"``, exact on a GPU and for small images.
        tolerance: Of ``"low_rank"``: the share of the affinity in intensity that may be missing, on average over the
            pixels. At 0.03 the energy of a dense CRF is right within about 1 %.

    Returns:
        WV, in the shape of the values.

    Raises:
        ValueError: For a wrong shape or option, or (``"low_rank"``) intensities that are not finite.
    """
    require_option("engine", engine, get_args(Engine))
    require_positive("tolerance", tolerance)
    intensity = features.intensity
    require_shape("values", values, (intensity.shape[0], *values.shape[1:2], *intensity.shape[2:]), "(B, K, *spatial)")
    if engine == "auto":
        engine = "exact" if values.is_cuda or values[0, 0].numel() <= _FEW_PIXELS else "low_rank"
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    filtered: Tensor = _gaussian_filter(intensity.detach(), list(features.steps), values, engine, tolerance)
    return filtered


# An operator of its own, so that torch.compile takes it as one step and does not look inside.
@library.custom_op("medsize::gaussian_filter", mutates_args=())
def _gaussian_filter(
    intensity: Tensor, steps: Sequence[float], values: Tensor, engine: str, tolerance: float
) -> Tensor:
    features = Features(intensity, tuple(steps))
    return exact_filter(features, values) if engine == "exact" else low_rank_filter(features, values, tolerance)


@_gaussian_filter.register_fake
def _(_intensity: Tensor, _steps: Sequence[float], values: Tensor, _engine: str, _tolerance: float) -> Tensor:
    return torch.empty_like(values, memory_format=torch.contiguous_format)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001  # torch passes it by name
    intensity, ctx.steps, _, ctx.engine, ctx.tolerance = inputs
    ctx.save_for_backward(intensity)


def _backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor, None, None]:
    (intensity,) = ctx.saved_tensors
    return None, None, _gaussian_filter(intensity, ctx.steps, gradient, ctx.engine, ctx.tolerance), None, None


_gaussian_filter.register_autograd(_backward, setup_context=_remember)
