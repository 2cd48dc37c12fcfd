"""The rival of size targets: a quadratic penalty outside lower and upper size bounds."""

from typing import ClassVar, Final, Literal, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive
from medsize.losses.prediction import Level, Prediction
from medsize.losses.size_bounds import require_bounds

BarrierScale = Literal["fraction", "pixels"]

WEIGHT_PER_PIXEL: Final = 0.01
"""The weight that the authors of the size constraint give to penalties on pixel counts."""


def quadratic_barrier(average: Tensor, size_bounds: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """``Σ_k max(a_k − S̄_k, 0)² + max(S̄_k − b_k, 0)²``, mean over images.

    "Approximate Size Targets" (P0) eq. 17 with, beside the lower bound, the upper one that the authors of the
    size constraint use. The ``(S̄_object)²`` on images without the object is this formula at a = b = 0.

    Args:
        average: S̄, (B, K).
        size_bounds: a and b, (B, K, 2), fractions of Ω. NaN is a bound that is unknown, and an image without
            any known bound does not count.
        weight: A factor for each image, (B,), or for all.

    Returns:
        The loss, a scalar; 0 with zero gradient if no bound is known.

    Raises:
        ValueError: For a wrong shape, a lower bound above its upper one, or bounds that cannot be fractions.
    """
    require_bounds(size_bounds, average.shape)
    known = ~size_bounds.isnan().flatten(1).all(1)
    lower, upper = size_bounds.to(average.dtype).unbind(-1)
    below = (lower.nan_to_num(-torch.inf) - average).clamp(min=0)
    above = (average - upper.nan_to_num(torch.inf)).clamp(min=0)
    penalty = weight * (below.square() + above.square()).sum(1)
    return torch.where(known, penalty, 0).sum() / known.sum().clamp(min=1)


class QuadraticBarrierLoss(nn.Module):
    """Quadratic penalty of an average prediction outside its bounds: see :func:`quadratic_barrier`.

    Args:
        scale: ``"pixels"``, the authors' code: they penalise pixel counts, ``0.01·(a·|Ω| − S̄·|Ω|)²/|Ω|``,
            which in fractions is the barrier times ``0.01·|Ω|``: a factor 655.36 on a 256 × 256 image.
            ``"fraction"``, P0 eq. 17 as printed, is weaker by that factor.
        temperature: Of the soft-max whose average is bounded, as in :class:`SizeTargetLoss`; 1 is the paper.
        level: ``"slice"``, or ``"volume"``: S̄ and |Ω| are of all slices of a case, and so are the bounds.

    Raises:
        ValueError: For an unknown scale or level, or a temperature that is not a positive number.
    """

    target: ClassVar[str] = "size_bounds"

    def __init__(self, scale: BarrierScale = "pixels", temperature: float = 1.0, level: Level = "slice") -> None:
        super().__init__()
        require_positive("temperature", temperature)
        require_option("level", level, get_args(Level))
        require_option("scale", scale, get_args(BarrierScale))
        self.scale: BarrierScale = scale
        self.temperature = temperature
        self.level: Level = level

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on size bounds (B, K, 2), NaN unknown."""
        averages = Prediction.of(prediction).at_temperature(self.temperature).at_level(self.level)
        weight = WEIGHT_PER_PIXEL * averages.domain_size if self.scale == "pixels" else 1.0
        return quadratic_barrier(averages.average, averages.known_once(target), weight)
