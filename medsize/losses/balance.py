"""Balance of the classes over the data set: what clustering uses where nothing is known of any one image."""

from collections.abc import Sequence
from typing import ClassVar, Final

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_shape
from medsize.losses.prediction import Prediction, log_mean

_SMALLEST_TARGET: Final = 1e-8
_SUM_TOLERANCE: Final = 1e-3


def fairness(log_average: Tensor) -> Tensor:
    """``−H(Ŝ) = Σ_k Ŝ_k ln Ŝ_k``: "Approximate Size Targets" (P0) eq. 6; least, −ln K, where all classes are equal.

    Args:
        log_average: ln Ŝ, the prediction averaged over the data set, (K,).

    Returns:
        The loss, a scalar.
    """
    return (log_average.exp() * log_average).sum()


def balance(log_average: Tensor, distribution: Tensor) -> Tensor:
    """``KL(Ŝ‖v) = Σ_k Ŝ_k ln(Ŝ_k/v_k)``: P0 eq. 7. Ill-defined where v_k = 0, so v is clamped at 1e-8.

    Args:
        log_average: ln Ŝ, the prediction averaged over the data set, (K,).
        distribution: v, the share of each class in the data set, (K,).

    Returns:
        The loss, a scalar.

    Raises:
        ValueError: For a distribution of another number of classes.
    """
    require_shape("the distribution", distribution, log_average.shape, "(K,)")
    v = distribution.to(log_average).clamp(min=_SMALLEST_TARGET)
    return (log_average.exp() * (log_average - v.log())).sum()


def log_batch_average(prediction: Prediction) -> Tensor:
    """Ln Ŝ, (K,), over all pixels of the batch: as near as one step comes to the average over the data set."""
    return log_mean(prediction.log_average, prediction.domain_size.unsqueeze(1), 0)


class FairnessLoss(nn.Module):
    """Minus the entropy of the average prediction: see :func:`fairness`.

    The papers average over the data set; here it is the batch, so it must be large enough to stand for the data set.
    Nothing but the prediction is needed; the batch's ``image`` is asked for because every batch has one.
    """

    target: ClassVar[str] = "image"

    def forward(self, prediction: Prediction | Tensor, target: Tensor | None = None) -> Tensor:  # noqa: ARG002 (every term takes one)
        """The loss of a prediction (or logits)."""
        return fairness(log_batch_average(Prediction.of(prediction)))


class BalanceLoss(nn.Module):
    """Reverse KL divergence of the average prediction and a given distribution: see :func:`balance`.

    The average is over the batch, and nothing else is needed, as for :class:`FairnessLoss`.

    Args:
        distribution: v, the share of each class in the data set, background first, summing to 1.

    Raises:
        ValueError: For values that are not fractions that sum to 1 (±0.001).
    """

    target: ClassVar[str] = "image"
    shares: Tensor

    def __init__(self, distribution: Sequence[float]) -> None:
        super().__init__()
        if not (all(share >= 0 for share in distribution) and abs(sum(distribution) - 1) <= _SUM_TOLERANCE):
            raise ValueError(f"the distribution must be fractions that sum to 1, found {list(distribution)}")
        self.distribution = tuple(distribution)
        # Not part of the state: the settings say it.
        self.register_buffer("shares", torch.tensor(distribution, dtype=torch.float32), persistent=False)

    def forward(self, prediction: Prediction | Tensor, target: Tensor | None = None) -> Tensor:  # noqa: ARG002 (every term takes one)
        """The loss of a prediction (or logits)."""
        return balance(log_batch_average(Prediction.of(prediction)), self.shares)
