"""The main loss: the average prediction should match an approximate size of every class."""

from typing import ClassVar, Final, Literal, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive, require_shape, values_are_readable
from medsize.losses.prediction import Prediction

Direction = Literal["forward", "reverse"]
Scale = Literal["none", "entropy", "object"]

SMALLEST_OBJECT: Final = 1e-3
"""The object, as a fraction of the image, below which a scaled loss stops growing with 1/size."""

_SMALLEST_TARGET: Final = 1e-8
_SUM_TOLERANCE: Final = 1e-3


def size_target_loss(
    log_average: Tensor, size_target: Tensor, *, direction: Direction = "forward", scale: Scale = "none"
) -> Tensor:
    """``KL(v‖S̄) = Σ_k v_k ln(v_k / S̄_k)``: "Approximate Size Targets" (P0) eq. 2, mean over images.

    Forward KL avoids zeros: forgetting a class that has a size costs without limit, and its gradient survives
    any small S̄. Reverse KL, ``KL(S̄‖v)``, P0 eq. 7, is there for the ablation; it is ill-defined where
    v_k = 0, so v is clamped at 1e-8 in it.

    Near its minimum the KL is about ``½ Σ_k v_k r_k²`` for relative size errors r_k, hence small for small
    objects by nature. A scale divides each image's KL by ``1 − v_0``, the share of all that is not background
    (``"object"``), or by the target's entropy ``H(v)`` (``"entropy"``, which singles out no class), so that
    relative errors alone count. As the divisor vanishes for an image of one class, it is never taken below
    its value for a lone object of 0.001 of the image (:data:`SMALLEST_OBJECT`). The loss stays finite: under
    ``"object"``, an image without object that is predicted at S̄_object = 0.001 costs 1.

    Args:
        log_average: ln S̄, (B, K).
        size_target: v, (B, K), fractions of Ω that sum to 1 in each row, background included as class 0. A
            row of NaN is an image whose sizes are unknown.
        direction: ``"forward"`` or ``"reverse"`` KL.
        scale: What each image's KL is divided by: ``"none"``, ``"entropy"`` or ``"object"``.

    Returns:
        The loss, a scalar; 0 with zero gradient if no row is known.

    Raises:
        ValueError: For a wrong shape or option, or a row that is neither NaN nor fractions that sum to
            1 (±0.001).
    """
    require_option("direction", direction, get_args(Direction))
    require_option("scale", scale, get_args(Scale))
    require_shape("size_target", size_target, log_average.shape, "(B, K)")
    _require_simplex(size_target)
    known = ~size_target.isnan().any(1)
    v = size_target.to(log_average.dtype).nan_to_num(0)
    if direction == "forward":
        divergence = (torch.xlogy(v, v) - v * log_average).sum(1)
    else:
        divergence = (log_average.exp() * (log_average - v.clamp(min=_SMALLEST_TARGET).log())).sum(1)
    if scale == "entropy":
        divergence = divergence / entropy(v).clamp(min=_SMALLEST_ENTROPY)
    elif scale == "object":
        divergence = divergence / (1 - v[:, 0]).clamp(min=SMALLEST_OBJECT)
    return torch.where(known, divergence, 0).sum() / known.sum().clamp(min=1)


def entropy(v: Tensor) -> Tensor:
    """``H(v) = −Σ_k v_k ln v_k`` with ``0 ln 0 = 0``, over the last axis."""
    return -torch.xlogy(v, v).sum(-1)


_SMALLEST_ENTROPY: Final = float(entropy(torch.tensor([1 - SMALLEST_OBJECT, SMALLEST_OBJECT], dtype=torch.float64)))


class SizeTargetLoss(nn.Module):
    """KL divergence of the average prediction and the size target: see :func:`size_target_loss`.

    Args:
        direction: ``"forward"``, the method, or ``"reverse"``, the ablation.
        scale: ``"none"``, the paper; ``"entropy"`` or ``"object"`` make small and large objects weigh alike.
        temperature: Of the soft-max whose average S̄ is compared. At 1, the paper, S̄ counts every pixel by its
            probability: a network that is unsure of many pixels meets its target with a mask that is too small,
            for each of them counts in S̄ and few are above ½. Below 1 the average comes near the size of the
            mask itself, so that it is the mask that meets the target (ours; 0.25 is a good value).

    Raises:
        ValueError: For an unknown option, or a temperature that is not a positive number.
    """

    target: ClassVar[str] = "size_target"

    def __init__(self, direction: Direction = "forward", scale: Scale = "none", temperature: float = 1.0) -> None:
        super().__init__()
        require_positive("temperature", temperature)
        require_option("direction", direction, get_args(Direction))
        require_option("scale", scale, get_args(Scale))
        self.direction: Direction = direction
        self.scale: Scale = scale
        self.temperature = temperature

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on size targets (B, K), NaN rows unknown."""
        log_average = Prediction.of(prediction).at_temperature(self.temperature).log_average
        return size_target_loss(log_average, target, direction=self.direction, scale=self.scale)


def _require_simplex(size_target: Tensor) -> None:
    if not values_are_readable(size_target):
        return
    rows = size_target.detach().cpu().double()
    fractions = (rows >= 0).all(1) & ((rows.sum(1) - 1).abs() <= _SUM_TOLERANCE)
    wrong = ~(fractions | rows.isnan().all(1))
    if wrong.any():
        row = int(wrong.nonzero()[0])
        found = ", ".join(f"{value:.6g}" for value in rows[row].tolist())
        raise ValueError(
            f"size_target is wrong for image {row} of the batch: expected {rows.shape[1]} fractions of the "
            "image, at least 0 and summing to 1 (or only NaN where the sizes are unknown), "
            f"found [{found}] with sum {rows[row].sum():.6g}; "
            "divide sizes by the image's pixels and include the background"
        )
