"""Collision cross entropy: that of labels which may be wrong."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from medsize.losses.partial_cross_entropy import IGNORE, require_classes, within_domain
from medsize.losses.preconditions import require_shape
from medsize.losses.prediction import Prediction


def collision_cross_entropy(log_probs: Tensor, labels: Tensor, certainty: float = 0.9) -> Tensor:
    """``−mean over the labelled pixels of ln Σ_k S_p^k y_p^k``.

    Zhang and Boykov, "Soft Self-labeling and Potts Relaxations for Weakly-Supervised Segmentation" (2025). It is
    the probability that the network and the label, drawn independently, name the same class. Where the network is sure
    of another class, the loss is at most ``−ln((1 − certainty) / (K − 1))`` and its gradient nearly 0: a wrong label is
    let go. With certainty 1 it is the usual cross entropy.

    Args:
        log_probs: ln S, (B, K, *spatial).
        labels: The class of each pixel, 255 where there is none, (B, *spatial), of an integer type. Or y itself,
            (B, K, *spatial), of a floating type, which sums to 1 over K, or to 0 where there is no label.
        certainty: y of the class that an integer names; the others share the rest alike. Of y itself it is not used.

    Returns:
        The loss, a scalar; 0 with zero gradient if there are no labels.

    Raises:
        ValueError: For a wrong shape, a class that the network does not have, or a certainty outside (1 / K, 1].
    """
    classes = log_probs.shape[1]
    if not 1 / classes < certainty <= 1:
        raise ValueError(f"the certainty must be above 1 / {classes} and at most 1, found {certainty:g}")
    if labels.is_floating_point():
        require_shape("the soft labels", labels, log_probs.shape, "(B, K, *spatial)")
        log_labels, known = labels.log(), labels.sum(1) > 0
    else:
        require_classes(labels, log_probs)
        known = labels != IGNORE
        rest = math.log((1 - certainty) / (classes - 1)) if certainty < 1 else -math.inf
        names = torch.arange(classes, device=labels.device).view(-1, *[1] * (labels.ndim - 1))
        log_labels = torch.full_like(log_probs, rest).masked_fill(labels.unsqueeze(1) == names, math.log(certainty))
    # what is not known is made a constant, as −inf minus −inf would be NaN in the gradient
    agreement = (log_probs + log_labels.to(log_probs.dtype)).masked_fill(~known.unsqueeze(1), 0)
    losses = -agreement.logsumexp(1).masked_fill(~known, 0)
    return losses.sum() / known.sum().clamp(min=1)


class CollisionCrossEntropyLoss(nn.Module):
    """Collision cross entropy of a prediction on its domain: see :func:`collision_cross_entropy`.

    Args:
        certainty: How certain a label's class is, at most 1.

    Raises:
        ValueError: For a certainty outside (0, 1].
    """

    target: ClassVar[str] = "pseudo_label"

    def __init__(self, certainty: float = 0.9) -> None:
        super().__init__()
        if not 0 < certainty <= 1:
            raise ValueError(f"the certainty must be above 0 and at most 1, found {certainty:g}")
        self.certainty = certainty

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on labels (B, *spatial), 255 = ignored, or (B, K, *spatial), 0."""
        prediction = Prediction.of(prediction)
        labels = target
        if not target.is_floating_point():
            labels = within_domain(target, prediction)
        elif prediction.domain is not None:
            labels = target.masked_fill(~prediction.domain.unsqueeze(1), 0)
        return collision_cross_entropy(prediction.log_probs, labels, self.certainty)
