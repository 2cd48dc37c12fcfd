"""Global weighted rank pooling: one score of a class in an image, between its maximum and its mean."""

import torch
from torch import Tensor

from medsize.losses.preconditions import require_domain, require_positive, require_shape, values_are_readable
from medsize.losses.prediction import log_mean


def global_weighted_rank_pooling(
    log_scores: Tensor,
    decay: Tensor | float,
    *,
    rank_by: Tensor | None = None,
    domain: Tensor | None = None,
    reference_pixels: float | None = None,
) -> Tensor:
    """``ln G_k``, ``G_k(d) = Σ_j d^{j−1} f_(j) / Σ_j d^{j−1}``: "Seed, Expand and Constrain" (P2) eq. 3.

    f_(j) are the scores of a class in descending order over the pixels of the image. Decay 0 is the maximum
    (0⁰ = 1), decay 1 the mean. All is done on logarithms, so a score that no probability can hold any more
    still has a value and a gradient.

    Args:
        log_scores: ln f, (B, K, *spatial).
        decay: d, from 0 to 1: one for all, or (B, K).
        rank_by: What the scores are ordered by, in descending order, (B, K, *spatial); None for the scores
            themselves. ``1 − G`` of probabilities f is the pooling of ``1 − f`` ranked by f.
        domain: Ω, (B, *spatial) bool; pixels outside are not ranked.
        reference_pixels: N₀, the number of pixels that the decay is meant for. On |Ω| pixels
            ``d^{N₀ / |Ω|}`` is used, so that the same share of the image gets the same share of the weight at
            every resolution. None: the decay as it is.

    Returns:
        ln G, (B, K).

    Raises:
        ValueError: For a wrong shape, an empty domain, a decay outside [0, 1], or a number of pixels that is not
            positive.
    """
    axes = (log_scores.shape[0], *log_scores.shape[2:])
    decay = torch.as_tensor(decay, dtype=log_scores.dtype, device=log_scores.device)
    if decay.ndim:
        require_shape("decay", decay, log_scores.shape[:2], "(B, K)")
    _require_decay(decay)
    log_scores = log_scores.flatten(2)
    rank_by = log_scores if rank_by is None else rank_by.flatten(2)
    pixels = log_scores.new_full((axes[0], 1, 1), log_scores.shape[2])
    if domain is not None:
        require_domain(domain, axes)
        inside = domain.flatten(1).unsqueeze(1)
        pixels = inside.sum(2, keepdim=True).to(log_scores.dtype)
        rank_by = rank_by.masked_fill(~inside, -torch.inf)
    log_decay = decay.expand(log_scores.shape[:2]).unsqueeze(2).log()
    if reference_pixels is not None:
        require_positive("reference_pixels", reference_pixels)
        log_decay = log_decay * (reference_pixels / pixels)
    j = torch.arange(log_scores.shape[2], device=log_scores.device, dtype=log_scores.dtype)
    weights = torch.where(j == 0, 0, j * log_decay).exp().masked_fill(j >= pixels, 0)
    ranked = log_scores.gather(2, rank_by.detach().argsort(2, descending=True))
    return log_mean(ranked, weights, 2)


def _require_decay(decay: Tensor) -> None:
    if values_are_readable(decay) and not ((decay >= 0) & (decay <= 1)).all():
        raise ValueError(f"decay must be from 0 (the maximum) to 1 (the mean), found {decay.tolist()}")
