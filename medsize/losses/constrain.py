"""Constrain: a prediction should not change when a CRF moves its borders to the edges of the image."""

from typing import ClassVar, Final, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medsize.losses.preconditions import require_domain, require_positive, require_shape
from medsize.losses.prediction import Prediction

_POOLS: Final = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


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
        scale_down: Compute it on means over so many pixels along each axis: 8 is P2, whose network ends at 41² of
            321². Lengths in ``refine`` are then in these larger pixels.

    Raises:
        ValueError: For a ``scale_down`` that is not positive.
    """

    target: ClassVar[str] = "image"

    def __init__(self, refine: Refine, through_crf: bool = False, scale_down: int = 1) -> None:
        super().__init__()
        require_positive("scale_down", scale_down)
        self.refine = refine
        self.through_crf = through_crf
        self.scale_down = scale_down

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on the image (B, C, *spatial)."""
        prediction = Prediction.of(prediction)
        domain = prediction.domain
        probs = prediction.probs  # taken here, as what the prediction keeps must have its graph
        log_probs = prediction.log_probs
        if self.scale_down > 1:
            probs, target, domain = _scaled_down(probs, target, domain, self.scale_down)
            log_probs = probs.clamp(min=torch.finfo(probs.dtype).tiny).log()
        with torch.set_grad_enabled(self.through_crf and torch.is_grad_enabled()):
            refined = self.refine(probs, target, domain=domain)
        return constrain(log_probs, refined, domain=domain)


def _scaled_down(
    probs: Tensor, image: Tensor, domain: Tensor | None, factor: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Means over the pixels of Ω in blocks of ``factor`` along each axis, smaller at the far ends."""
    pool = _POOLS[probs.ndim - 2]
    inside = torch.ones_like(probs[:, :1]) if domain is None else domain.unsqueeze(1).to(probs.dtype)
    share = pool(inside, factor, ceil_mode=True)
    means = [pool(of * inside, factor, ceil_mode=True) / share.where(share > 0, 1) for of in (probs, image.to(probs))]
    return means[0], means[1], None if domain is None else (share > 0).squeeze(1)
