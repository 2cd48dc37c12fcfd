"""Constrain: a prediction should not change when a CRF moves its borders to the edges of the image."""

from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_domain, require_shape
from medsize.losses.prediction import Prediction


class Refine(Protocol):
    """What makes Q of S and the image, such as the mean field of a dense CRF."""

    def __call__(self, probs: Tensor, image: Tensor, *, domain: Tensor | None) -> Tensor:
        """Return Q, (B, K, *spatial), which sums to 1 over K on the domain.

        Args:
            probs: S, (B, K, *spatial).
            image: The image, (B, C, *spatial).
            domain: Ω, (B, *spatial) bool, or None where there is no padding.
        """
        ...


def constrain(log_probs: Tensor, refined: Tensor, *, domain: Tensor | None = None) -> Tensor:
    """``KL(Q‖S) = Σ_k Q^k ln(Q^k / S^k)``, mean over the pixels of Ω, then over images.

    "Seed, Expand and Constrain" (P2) eq. 5. Zero where Q = S, and 0·ln 0 = 0.

    Args:
        log_probs: ln S, (B, K, *spatial).
        refined: Q, of the same shape.
        domain: Ω, (B, *spatial) bool.

    Returns:
        The loss, a scalar.

    Raises:
        ValueError: For a wrong shape or an empty domain.
    """
    require_shape("the refined prediction", refined, log_probs.shape, "(B, K, *spatial)")
    refined = refined.to(log_probs.dtype)
    # A Q of 0 costs nothing; without the clamp its slope, ln 0, would turn the gradient through Q into NaN.
    log_refined = refined.clamp(min=torch.finfo(refined.dtype).tiny).log()
    divergence = (refined * (log_refined - log_probs)).sum(1).flatten(1)
    if domain is None:
        return divergence.mean()
    require_domain(domain, (log_probs.shape[0], *log_probs.shape[2:]))
    inside = domain.flatten(1)
    return (torch.where(inside, divergence, 0).sum(1) / inside.sum(1)).mean()


class ConstrainLoss(nn.Module):
    """Distance of a prediction from its own refinement: see :func:`constrain`.

    Args:
        refine: Makes Q of S and the image.
        through_crf: Whether the gradient also runs through Q, as P2 says; ``refine`` must then be
            differentiable. False holds Q constant: S follows Q, and one refinement without a graph is enough.
    """

    target: ClassVar[str] = "image"

    def __init__(self, refine: Refine, through_crf: bool = False) -> None:
        super().__init__()
        self.refine = refine
        self.through_crf = through_crf

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on the image (B, C, *spatial)."""
        prediction = Prediction.of(prediction)
        domain = prediction.domain
        probs = prediction.probs  # taken here, as what the prediction keeps must have its graph
        with torch.set_grad_enabled(self.through_crf and torch.is_grad_enabled()):
            refined = self.refine(probs, target, domain=domain)
        return constrain(prediction.log_probs, refined, domain=domain)
