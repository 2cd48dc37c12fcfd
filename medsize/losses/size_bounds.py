"""Ranges of sizes: the average prediction should lie between a lower and an upper bound of every class."""

from collections.abc import Sequence
from typing import ClassVar, Final, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive, require_shape, values_are_readable
from medsize.losses.prediction import Level, Prediction
from medsize.losses.size_target import Scale, divisor

_SUM_TOLERANCE: Final = 1e-3


def size_bounds_loss(log_average: Tensor, size_bounds: Tensor, *, scale: Scale = "none") -> Tensor:
    """``min_v KL(v‖S̄)`` over all size targets v with ``a ≤ v ≤ b``, mean over images: a KL with a flat bottom.

    It is 0 where S̄ lies between its bounds, and the size target loss ("Approximate Size Targets", P0 eq. 2) of the
    nearest admissible target elsewhere: of the very target if a = b. Like it, it avoids zeros: forgetting a class
    with a positive lower bound costs without limit. Classes inside their bounds keep their proportions, see
    :func:`nearest_within_bounds`. The gradient is ``−v/S̄`` at that target, by the envelope theorem.

    Args:
        log_average: ln S̄, (B, K).
        size_bounds: a and b, (B, K, 2), fractions of Ω, background included as class 0. NaN is a bound that is
            unknown, hence 0 or 1, and an image without any known bound does not count. Bounds on the structures
            alone do: the background takes what they leave.
        scale: What each image's KL is divided by, as in
            :func:`~medsize.losses.size_target.size_target_loss`: by a number of the nearest admissible v, which
            is a constant for the gradient.

    Returns:
        The loss, a scalar; 0 with zero gradient if no bound is known.

    Raises:
        ValueError: For a wrong shape or scale, a lower bound above its upper one, bounds that cannot be fractions, or
            bounds that no sizes summing to 1 (±0.001) can meet.
    """
    require_option("scale", scale, get_args(Scale))
    require_bounds(size_bounds, log_average.shape)
    _require_feasible(size_bounds)
    known = ~size_bounds.isnan().flatten(1).all(1)
    lower, upper = _complete(size_bounds.to(log_average.dtype))
    average = log_average.detach().exp()
    inside = ((lower <= average) & (average <= upper)).all(1)
    v = nearest_within_bounds(log_average.detach(), lower, upper)
    divergence = (torch.xlogy(v, v) - v * log_average).sum(1) / divisor(v, 1 - v[:, 0], scale)
    return torch.where(known & ~inside, divergence, 0).sum() / known.sum().clamp(min=1)


def nearest_within_bounds(log_average: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """``argmin_v KL(v‖S̄)`` over sizes v that sum to 1 with ``a ≤ v ≤ b``: ``v_k = clip(c·S̄_k, a_k, b_k)``.

    The number c that makes v sum to 1 is found exactly. As c grows, each class leaves its lower bound at
    ``a_k/S̄_k`` and stops at its upper one at ``b_k/S̄_k``, and the sum grows with it; between two of these
    2K events the free classes share in proportion to S̄ what the others leave.

    Args:
        log_average: ln S̄, (B, K), finite.
        lower: a, (B, K), summing to at most 1.
        upper: b, (B, K), summing to at least 1.

    Returns:
        v, (B, K). Where the bounds miss 1 by rounding, so does v.
    """
    leaves, stops = lower.log() - log_average, upper.log() - log_average  # in ln c; -inf at a bound of 0
    events = torch.cat([leaves, stops], 1).sort(1).values
    sizes = (events.unsqueeze(2) + log_average.unsqueeze(1)).exp()
    sums = torch.minimum(torch.maximum(sizes, lower.unsqueeze(1)), upper.unsqueeze(1)).sum(2)
    last = ((sums <= 1).sum(1, keepdim=True) - 1).clamp(min=0)
    log_c = events.gather(1, last)
    at_upper, at_lower = stops <= log_c, leaves > log_c
    bound = torch.where(at_upper, upper, lower)
    free = ~(at_upper | at_lower)
    rest = 1 - torch.where(free, 0, bound).sum(1, keepdim=True)
    # The free classes by their proportions, not by c: at logits of ±1e4 ln c has few digits left.
    share = log_average.masked_fill(~free, -torch.inf).softmax(1)
    return torch.where(free, (rest * share).clamp(lower, upper), bound)


class SizeBoundsLoss(nn.Module):
    """KL divergence of the average prediction and the nearest sizes within bounds: see :func:`size_bounds_loss`.

    Args:
        scale: ``"none"``; ``"entropy"`` or ``"object"`` make small and large objects weigh alike.
        temperature: Of the soft-max whose average S̄ is bounded, as in
            :class:`~medsize.losses.size_target.SizeTargetLoss`.
        level: ``"slice"``, or ``"volume"``: S̄ averages over all slices of a case, and the bounds are shares of the
            whole volume, the same in all rows of the case; the mean is over cases.

    Raises:
        ValueError: For an unknown option, or a temperature that is not a positive number.
    """

    target: ClassVar[str] = "size_bounds"

    def __init__(self, scale: Scale = "none", temperature: float = 1.0, level: Level = "slice") -> None:
        super().__init__()
        require_positive("temperature", temperature)
        require_option("level", level, get_args(Level))
        require_option("scale", scale, get_args(Scale))
        self.scale: Scale = scale
        self.temperature = temperature
        self.level: Level = level

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on size bounds (B, K, 2), NaN unknown."""
        averages = Prediction.of(prediction).at_temperature(self.temperature).at_level(self.level)
        return size_bounds_loss(averages.log_average, averages.known_once(target), scale=self.scale)


def require_bounds(size_bounds: Tensor, expected: Sequence[int]) -> None:
    """Raise ValueError unless size bounds have a shape (B, K, 2) and are ordered fractions where they are known.

    Args:
        size_bounds: The bounds.
        expected: The shape (B, K) that the prediction implies.
    """
    require_shape("size_bounds", size_bounds, (*expected, 2), "(B, K, 2)")
    if not values_are_readable(size_bounds):
        return
    lower, upper = size_bounds.detach().cpu().double().unbind(-1)
    wrong = (lower > upper) | (lower > 1) | (upper < 0)
    if wrong.any():
        image, k = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"size_bounds are wrong for image {image} of the batch, class {k}: expected fractions of the "
            f"image with lower <= upper, found {lower[image, k]:.6g} to {upper[image, k]:.6g}; "
            "divide bounds in pixels by the image's pixels"
        )


def _complete(size_bounds: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper bounds in [0, 1], (B, K) each, 0 and 1 where they are unknown."""
    lower, upper = size_bounds.unbind(-1)
    return lower.nan_to_num(0).clamp(min=0), upper.nan_to_num(1).clamp(max=1)


def _require_feasible(size_bounds: Tensor) -> None:
    if not values_are_readable(size_bounds):
        return
    least, most = (bound.sum(1) for bound in _complete(size_bounds.detach().cpu().double()))
    wrong = (least > 1 + _SUM_TOLERANCE) | (most < 1 - _SUM_TOLERANCE)
    if wrong.any():
        image = int(wrong.nonzero()[0])
        raise ValueError(
            f"size_bounds cannot be met by image {image} of the batch: expected lower bounds that sum to at most 1 "
            f"and upper bounds that sum to at least 1, found sums {least[image]:.6g} and {most[image]:.6g}; "
            "background included as class 0, or NaN where its bounds are unknown"
        )
