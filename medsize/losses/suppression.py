"""Suppression: the classes said to be absent from an image should have size zero."""

from typing import ClassVar, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_tags
from medsize.losses.prediction import Level, Prediction


def suppression(log_average: Tensor, tags: Tensor) -> Tensor:
    """``−Σ_{k∉T} ln(1 − S̄_k)``, mean over images: "Approximate Size Targets" (P0) eq. 8.

    ``1 − S̄_k`` is taken as the sum of the other classes' averages, so that it stays exact, and its gradient
    alive, when an absent class fills the whole image and S̄_k rounds to 1.

    Args:
        log_average: ln S̄, (B, K), of all classes.
        tags: T, True for the classes present, (B, K) bool. The background is always present, so a row
            without any True is an image whose tags are unknown, and does not count.

    Returns:
        The loss, a scalar; 0 with zero gradient if no row is known or nothing is absent.

    Raises:
        ValueError: For a wrong shape or type.
    """
    require_tags(tags, log_average.shape)
    itself = torch.eye(log_average.shape[1], dtype=torch.bool, device=log_average.device)
    log_rest = log_average.unsqueeze(1).masked_fill(itself, -torch.inf).logsumexp(2)
    known = tags.any(1, keepdim=True)
    return -torch.where(known & ~tags, log_rest, 0).sum() / known.sum().clamp(min=1)


class SuppressionLoss(nn.Module):
    """Suppression of the classes that are absent: see :func:`suppression`.

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
        return suppression(averages.log_average, averages.known_once(target))
