"""A barrier on size bounds that stays finite outside of them and hardens from epoch to epoch."""

import math
from typing import ClassVar, Final, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive
from medsize.losses.prediction import Level, Prediction
from medsize.losses.quadratic_barrier import WEIGHT_PER_PIXEL, BarrierScale
from medsize.losses.size_bounds import require_bounds

LARGEST_T: Final = 1e6
"""Where t stops growing: long before, float32 cannot tell −1/t² from 0, and t only makes the loss larger."""


def log_barrier_extension(
    average: Tensor, size_bounds: Tensor, t: Tensor | float, domain_size: Tensor | None = None
) -> Tensor:
    """``Σ_k ψ_t(a_k − S̄_k) + ψ_t(S̄_k − b_k)``, mean over images: the log-barrier extension.

    ``ψ_t(z) = −(1/t) ln(−z)`` if ``z ≤ −1/t²``, else ``t·z − (1/t) ln(1/t²) + 1/t``: Kervadec et al., "Constrained
    deep networks: Lagrangian optimization via log-barrier extensions" (2019). Inside, a barrier of slope
    ``1/(t·|z|)``; nearer to the bound than 1/t² and outside, a line of slope t. As t grows, it becomes a wall.

    A lower bound of 0 and an upper one of 1 hold by themselves and are left out: a barrier against them would keep
    an absent class (a = b = 0) from vanishing. Where a = b, no size is strictly inside, and what is left is a
    V whose bottom is rounded or flat over about ±1/t².

    Args:
        average: S̄, (B, K).
        size_bounds: a and b, (B, K, 2), fractions of Ω. NaN is a bound that is unknown, and an image without
            any known bound does not count.
        t: The hardness, above 0.
        domain_size: |Ω|, (B,), for z in pixels: then each image's sum is ``(1/|Ω|) Σ ψ_t(|Ω|·…)``. None for z in
            fractions.

    Returns:
        The loss, a scalar; it may be negative in pixels; 0 with zero gradient if no bound is known.

    Raises:
        ValueError: For a wrong shape, a lower bound above its upper one, or bounds that cannot be fractions.
    """
    require_bounds(size_bounds, average.shape)
    known = ~size_bounds.isnan().flatten(1).all(1)
    lower, upper = size_bounds.to(average.dtype).unbind(-1)
    z = torch.cat([lower - average, average - upper], 1)
    binds = torch.cat([lower > 0, upper < 1], 1)  # False for NaN
    size = torch.ones_like(average[:, 0]) if domain_size is None else domain_size
    penalty = _extended(torch.where(binds, z * size.unsqueeze(1), -1), t)
    cost = torch.where(binds, penalty, 0).sum(1) / size
    return torch.where(known, cost, 0).sum() / known.sum().clamp(min=1)


class LogBarrierExtensionLoss(nn.Module):
    """Log-barrier extension of an average prediction on size bounds: see :func:`log_barrier_extension`.

    Its hardness in an epoch is ``t = t0·growth^epoch``, at most 10⁶ (:data:`LARGEST_T`); tell it the epoch with
    :meth:`begin_epoch` (an :class:`~medsize.losses.Objective` passes it on). Before that it is t0.

    Args:
        t0: t in epoch 0, in units of 1/z: outside its bounds a size is pulled back with slope t, and from 1/t²
            inside them it is left to the gentle logarithm. In pixels at t = 5, that is 0.04 pixels; in fractions
            4 % of the image, more than most structures have, so that the bounds are a V at first; t = 100 makes
            it 0.01 % of the image. 5 is the authors' value, for pixels.
        growth: Factor of t from one epoch to the next, at least 1; the authors' is 1.1.
        scale: ``"pixels"``, as the authors: 0.01 times the sum over z in pixels, divided by |Ω|, so that the pull
            outside is 0.01·t for a fraction. ``"fraction"``: z in fractions and no factor, so that it is t.
        temperature: Of the soft-max whose average is bounded, as in :class:`SizeTargetLoss`.
        level: ``"slice"``, or ``"volume"``: S̄ and |Ω| are of all slices of a case, and so are the bounds.

    Raises:
        ValueError: For an unknown scale or level, a t0 or temperature that is not a positive number, or a growth
            below 1.
    """

    target: ClassVar[str] = "size_bounds"
    t: Tensor

    def __init__(
        self,
        t0: float = 5.0,
        growth: float = 1.1,
        scale: BarrierScale = "pixels",
        temperature: float = 1.0,
        level: Level = "slice",
    ) -> None:
        super().__init__()
        require_positive("t0", t0)
        require_positive("temperature", temperature)
        require_option("scale", scale, get_args(BarrierScale))
        require_option("level", level, get_args(Level))
        if not (math.isfinite(growth) and growth >= 1):
            raise ValueError(f"growth must be a finite number, at least 1, found {growth}")
        self.t0 = t0
        self.growth = growth
        self.scale: BarrierScale = scale
        self.temperature = temperature
        self.level: Level = level
        # A tensor, for torch.compile would compile anew for every number. Not part of the state: the epoch says it.
        self.register_buffer("t", torch.tensor(min(float(t0), LARGEST_T)), persistent=False)

    def begin_epoch(self, epoch: int) -> None:
        """Set t for an epoch, from 0."""
        self.t.fill_(math.exp(min(math.log(self.t0) + epoch * math.log(self.growth), math.log(LARGEST_T))))

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on size bounds (B, K, 2), NaN unknown."""
        averages = Prediction.of(prediction).at_temperature(self.temperature).at_level(self.level)
        bounds = averages.known_once(target)
        if self.scale == "fraction":
            return log_barrier_extension(averages.average, bounds, self.t)
        return WEIGHT_PER_PIXEL * log_barrier_extension(averages.average, bounds, self.t, averages.domain_size)


def _extended(z: Tensor, t: Tensor | float) -> Tensor:
    t = torch.as_tensor(t, dtype=z.dtype, device=z.device)
    edge = -1 / t**2
    # Each branch sees only its own z: the other's would give the logarithm a gradient of NaN.
    barrier = -torch.where(z <= edge, -z, 1).log() / t
    line = t * z + (2 * t.log() + 1) / t
    return torch.where(z <= edge, barrier, line)
