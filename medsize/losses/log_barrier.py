"""Log barriers: the classes said to be in an image must not have size zero."""

import math
from typing import ClassVar, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_tags
from medsize.losses.prediction import Level, Prediction


def log_barrier(log_average: Tensor, tags: Tensor) -> Tensor:
    """``−Σ_{k∈T} ln S̄_k``, mean over images: the expansion loss, "Approximate Size Targets" (P0) eq. 9.

    Biased to objects of equal size: it is ``KL(u_T‖S̄)`` up to a constant (P0 eq. 10).

    Args:
        log_average: ln S̄, (B, K).
        tags: T, True for the classes present, (B, K) bool. The background is always present, so a row
            without any True is an image whose tags are unknown, and does not count.

    Returns:
        The loss, a scalar; 0 with zero gradient if no row is known.

    Raises:
        ValueError: For a wrong shape or type.
    """
    return _mean_over_tagged(-log_average, tags)


def flat_log_barrier(log_average: Tensor, tags: Tensor, epsilon: float) -> Tensor:
    """``−Σ_{k∈T} ln min(S̄_k, ε)``, mean over images: a log barrier with a flat bottom, P0 eq. 11.

    Pushes a present class up to the size ε and then leaves it alone: from S̄_k = ε on the class costs the
    constant ``−ln ε`` and has no gradient. P0 prints ``max(S̄_k, ε)``, which would leave a missing class
    alone and favour equal sizes elsewhere: the opposite of the "flat bottoms" that its text asks for and of
    the thresholded barrier it compares with (eq. 17). So ``min`` is meant.

    Args:
        log_average: ln S̄, (B, K).
        tags: T, True for the classes present, (B, K) bool; a row without any True is unknown.
        epsilon: ε, the lower bound on a present class's size, a fraction of Ω in (0, 1].

    Returns:
        The loss, a scalar; 0 with zero gradient if no row is known.

    Raises:
        ValueError: For a wrong shape or type, or an ε outside (0, 1].
    """
    _require_epsilon(epsilon)
    return _mean_over_tagged(-log_average.clamp(max=math.log(epsilon)), tags)


class LogBarrierLoss(nn.Module):
    """Log barrier of an average prediction on tags: see :func:`log_barrier`.

    Args:
        level: ``"slice"``, or ``"volume"``: S̄ and the tags are of all slices of a case.

    Raises:
        ValueError: For an unknown level.
    """

    target: ClassVar[str] = "tags"

    def __init__(self, level: Level = "slice") -> None:
        super().__init__()
        require_option("level", level, get_args(Level))
        self.level: Level = level

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on tags (B, K) bool."""
        averages = Prediction.of(prediction).at_level(self.level)
        return log_barrier(averages.log_average, averages.known_once(target))


class FlatLogBarrierLoss(nn.Module):
    """Log barrier with a flat bottom: see :func:`flat_log_barrier`.

    Args:
        epsilon: The size, a fraction of the image in (0, 1], from which a present class is left alone.
        level: ``"slice"``, or ``"volume"``: S̄, the tags and ε are of all slices of a case.

    Raises:
        ValueError: For an ε outside (0, 1], or an unknown level.
    """

    target: ClassVar[str] = "tags"

    def __init__(self, epsilon: float, level: Level = "slice") -> None:
        super().__init__()
        _require_epsilon(epsilon)
        require_option("level", level, get_args(Level))
        self.epsilon = epsilon
        self.level: Level = level

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on tags (B, K) bool."""
        averages = Prediction.of(prediction).at_level(self.level)
        return flat_log_barrier(averages.log_average, averages.known_once(target), self.epsilon)


def _mean_over_tagged(cost: Tensor, tags: Tensor) -> Tensor:
    require_tags(tags, cost.shape)
    return torch.where(tags, cost, 0).sum() / tags.any(1).sum().clamp(min=1)


def _require_epsilon(epsilon: float) -> None:
    if not 0 < epsilon <= 1:
        raise ValueError(f"epsilon must be a fraction of the image, above 0 and at most 1, found {epsilon}")
