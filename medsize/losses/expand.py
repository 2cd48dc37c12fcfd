"""Expand: the classes said to be in an image fill a part of it, the others none of it."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_positive, require_tags
from medsize.losses.prediction import Prediction
from medsize.losses.rank_pooling import global_weighted_rank_pooling


def expand(
    log_probs: Tensor,
    tags: Tensor,
    *,
    decay_present: float = 0.996,
    decay_absent: float = 0.0,
    decay_background: float = 0.999,
    reference_pixels: float | None = 1681,
    domain: Tensor | None = None,
) -> Tensor:
    """``−mean_{k∈T} ln G_k(d₊) − mean_{k∉T} ln(1 − G_k(d₋)) − ln G_0(d_bg)``, mean over images.

    "Seed, Expand and Constrain" (P2) eq. 4, with G the :func:`global_weighted_rank_pooling` of the
    probabilities. Class 0 is the background, which is in every image; the two means are over the other
    classes, and one over no class at all is left out.

    ``1 − G`` is the pooling of ``1 − S``, with 1 − S the sum of the other classes' probabilities: it stays
    exact, and its gradient alive, where S rounds to 1. So nothing has to be clamped.

    Args:
        log_probs: ln S, (B, K, *spatial), of all classes.
        tags: T, True for the classes present, (B, K) bool. A row without any True is an image whose tags are
            unknown, and does not count.
        decay_present: d₊; P2's lets the top 10 % of the scores carry half of the weight.
        decay_absent: d₋; P2's 0 is the maximum, as an absent class should have no pixel at all.
        decay_background: d_bg; P2's lets the top 30 % of the scores carry half of the weight.
        reference_pixels: The number of pixels that the decays are meant for, P2's 41². None: as they are.
        domain: Ω, (B, *spatial) bool.

    Returns:
        The loss, a scalar; 0 with zero gradient if no row is known.

    Raises:
        ValueError: For a wrong shape or type, or a decay outside [0, 1].
    """
    require_tags(tags, log_probs.shape[:2])
    present = tags.clone()
    present[:, 0] = True
    decay = torch.full_like(present, decay_absent, dtype=log_probs.dtype).masked_fill(present, decay_present)
    decay[:, 0] = decay_background
    at_each_pixel = present.reshape(*present.shape, *[1] * (log_probs.ndim - 2))
    cost = -global_weighted_rank_pooling(
        torch.where(at_each_pixel, log_probs, _log_rest(log_probs)),
        decay,
        rank_by=log_probs,
        domain=domain,
        reference_pixels=reference_pixels,
    )
    objects, in_image = cost[:, 1:], present[:, 1:]
    each = cost[:, 0] + _mean_where(in_image, objects) + _mean_where(~in_image, objects)
    known = tags.any(1)
    return torch.where(known, each, 0).sum() / known.sum().clamp(min=1)


class ExpandLoss(nn.Module):
    """Expand of a prediction on tags: see :func:`expand`.

    Args:
        decay_present: d₊, of the classes in the image.
        decay_absent: d₋, of the classes not in it.
        decay_background: d_bg, of class 0.
        reference_pixels: The number of pixels that the decays are meant for; None to use them as they are.

    Raises:
        ValueError: For a decay outside [0, 1], or a number of pixels that is not positive.
    """

    target: ClassVar[str] = "tags"

    def __init__(
        self,
        decay_present: float = 0.996,
        decay_absent: float = 0.0,
        decay_background: float = 0.999,
        reference_pixels: float | None = 1681,
    ) -> None:
        super().__init__()
        decays = {
            "decay_present": decay_present,
            "decay_absent": decay_absent,
            "decay_background": decay_background,
        }
        for name, decay in decays.items():
            if not 0 <= decay <= 1:
                raise ValueError(f"{name} must be from 0 (the maximum) to 1 (the mean), found {decay}")
        if reference_pixels is not None:
            require_positive("reference_pixels", reference_pixels)
        self.decay_present = decay_present
        self.decay_absent = decay_absent
        self.decay_background = decay_background
        self.reference_pixels = reference_pixels

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on tags (B, K) bool."""
        prediction = Prediction.of(prediction)
        return expand(
            prediction.log_probs,
            target,
            decay_present=self.decay_present,
            decay_absent=self.decay_absent,
            decay_background=self.decay_background,
            reference_pixels=self.reference_pixels,
            domain=prediction.domain,
        )


def _log_rest(log_probs: Tensor) -> Tensor:
    """Ln(1 − S), exact where S rounds to 1."""
    # Only the winner of a pixel can be near 1, so only there the other classes have to be added up.
    winner = torch.zeros_like(log_probs, dtype=torch.bool).scatter(1, log_probs.argmax(1, keepdim=True), True)
    others = log_probs.masked_fill(winner, -torch.inf)
    return torch.where(winner, others.logsumexp(1, keepdim=True), torch.log1p(-others.exp()))


def _mean_where(mask: Tensor, values: Tensor) -> Tensor:
    return torch.where(mask, values, 0).sum(1) / mask.sum(1).clamp(min=1)
