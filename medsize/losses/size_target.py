"""The main loss: the average prediction should match an approximate size of every class."""

from typing import ClassVar, Final, Literal, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive, require_shape, values_are_readable
from medsize.losses.prediction import Level, Prediction

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

    Where only some classes of an image have a known size, all the others count as one, with what the known ones
    leave: the KL of the lumped distributions, ``Σ_known v_k ln(v_k/S̄_k) + (1−Σv) ln((1−Σv)/(1−ΣS̄))``. It is the
    KL of the nearest admissible target (what :func:`~medsize.losses.size_bounds.size_bounds_loss` is with bounds
    v_k on the known classes and none on the others), and the whole KL if just one class is unknown.

    Args:
        log_average: ln S̄, (B, K).
        size_target: v, (B, K), fractions of Ω that sum to 1 in each row, background included as class 0. NaN is a
            size that is unknown, and a row of NaN an image of which nothing is known.
        direction: ``"forward"`` or ``"reverse"`` KL.
        scale: What each image's KL is divided by: ``"none"``, ``"entropy"`` (of the lumped target) or ``"object"``
            (where the background's size is unknown, the sum of the structures that are known).

    Returns:
        The loss, a scalar; 0 with zero gradient if no row is known.

    Raises:
        ValueError: For a wrong shape or option, or a row that is not made of fractions that sum to 1 (±0.001), or
            to at most 1 where some are NaN.
    """
    require_option("direction", direction, get_args(Direction))
    require_option("scale", scale, get_args(Scale))
    require_shape("size_target", size_target, log_average.shape, "(B, K)")
    _require_simplex(size_target)
    known = ~size_target.isnan()
    v, log_average = _lumped(size_target.to(log_average.dtype), log_average)
    if direction == "forward":
        cost = torch.xlogy(v, v) - v * log_average
    else:
        cost = log_average.exp() * (log_average - v.clamp(min=_SMALLEST_TARGET).log())
    counts = torch.cat([known, ~known.all(1, keepdim=True)], 1)
    divergence = torch.where(counts, cost, 0).sum(1)
    share = torch.where(known[:, 0], 1 - v[:, 0], v[:, 1:-1].sum(1))
    divergence = divergence / divisor(v, share, scale)
    counted = known.any(1)
    return torch.where(counted, divergence, 0).sum() / counted.sum().clamp(min=1)


def _lumped(size_target: Tensor, log_average: Tensor) -> tuple[Tensor, Tensor]:
    """V and ln S̄ with one class more, (B, K + 1): all whose size is unknown in one; v is 0 where it is unknown."""
    unknown = size_target.isnan()
    some = unknown.any(1, keepdim=True)
    v = size_target.nan_to_num(0)
    rest = torch.where(some, 1 - v.sum(1, keepdim=True), 0).clamp(min=0)
    # Where every size is known, all classes stand in for the none that are not: a logarithm of 0 has no gradient.
    log_rest = log_average.masked_fill(some & ~unknown, -torch.inf).logsumexp(1, keepdim=True)
    return torch.cat([v, rest], 1), torch.cat([log_average, log_rest], 1)


def divisor(v: Tensor, share: Tensor, scale: Scale) -> Tensor:
    """What a scale divides the KL of each image by.

    Args:
        v: The target, (B, K).
        share: What of it is not background, (B,).
        scale: See :func:`size_target_loss`.

    Returns:
        (B,), never below its value for a lone object of :data:`SMALLEST_OBJECT`.
    """
    match scale:
        case "none":
            return torch.ones_like(share)
        case "entropy":
            return entropy(v).clamp(min=_SMALLEST_ENTROPY)
        case "object":
            return share.clamp(min=SMALLEST_OBJECT)


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
        level: ``"slice"``, or ``"volume"``: S̄ averages over all slices of a case, and the target is a share of the
            whole volume, the same in all rows of the case; the mean is over cases.

    Raises:
        ValueError: For an unknown option, or a temperature that is not a positive number.
    """

    target: ClassVar[str] = "size_target"

    def __init__(
        self,
        direction: Direction = "forward",
        scale: Scale = "none",
        temperature: float = 1.0,
        level: Level = "slice",
    ) -> None:
        super().__init__()
        require_positive("temperature", temperature)
        require_option("level", level, get_args(Level))
        require_option("direction", direction, get_args(Direction))
        require_option("scale", scale, get_args(Scale))
        self.direction: Direction = direction
        self.scale: Scale = scale
        self.temperature = temperature
        self.level: Level = level

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on size targets (B, K), NaN unknown."""
        averages = Prediction.of(prediction).at_temperature(self.temperature).at_level(self.level)
        target = averages.known_once(target)
        return size_target_loss(averages.log_average, target, direction=self.direction, scale=self.scale)


def _require_simplex(size_target: Tensor) -> None:
    if not values_are_readable(size_target):
        return
    rows = size_target.detach().cpu().double()
    unknown, total = rows.isnan(), rows.nansum(1)
    fractions = ((rows >= 0) | unknown).all(1) & (total <= 1 + _SUM_TOLERANCE)
    wrong = ~fractions | (~unknown.any(1) & (total < 1 - _SUM_TOLERANCE))
    if wrong.any():
        row = int(wrong.nonzero()[0])
        found = ", ".join(f"{value:.6g}" for value in rows[row].tolist())
        raise ValueError(
            f"size_target is wrong for image {row} of the batch: expected {rows.shape[1]} fractions of the "
            "image, at least 0 and summing to 1 (at most 1 beside sizes that are unknown, NaN), "
            f"found [{found}] with sum {total[row]:.6g}; "
            "divide sizes by the image's pixels and include the background"
        )
