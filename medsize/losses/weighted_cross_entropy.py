"""Cross entropy with classes weighted by how rare they are: what full supervision does about small classes."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from medsize.losses.partial_cross_entropy import partial_cross_entropy, within_domain
from medsize.losses.preconditions import require_shape
from medsize.losses.prediction import Prediction


def weighted_cross_entropy(log_probs: Tensor, label: Tensor, weights: Tensor) -> Tensor:
    """``−mean over the pixels of w_{y_p} ln S_p^{y_p}``: "Approximate Size Targets" (P0) eq. 5, as a mean.

    The mean is over pixels, not over weights, so that a batch of rare classes weighs more than one of common ones.

    Args:
        log_probs: ln S, (B, K, *spatial).
        label: The class of each pixel, 255 where it is to be ignored, (B, *spatial), of an integer type.
        weights: w, (K,).

    Returns:
        The loss, a scalar; 0 with zero gradient if every pixel is ignored.

    Raises:
        ValueError: For weights of another number of classes, and as
            :func:`~medsize.losses.partial_cross_entropy.partial_cross_entropy` does.
    """
    require_shape("the class weights", weights, log_probs.shape[1:2], "(K,)")
    shape = (1, -1, *[1] * (log_probs.ndim - 2))
    return partial_cross_entropy(log_probs * weights.to(log_probs).reshape(shape), label)


def effective_number_weights(counts: Sequence[float], beta: float) -> Tensor:
    """``w_k ∝ 1/(1 − β^{n_k})`` with mean 1: class weights by the effective number of samples, P0 eq. 5.

    P0 writes v_k, "the class distribution in the training dataset"; the source it cites (Cui et al., "Class-balanced
    loss based on effective number of samples", 2019) means the number n_k of samples of class k in the whole training
    set. Fractions would not do: for n ≤ 1 the weights are near 1/n whatever β is.

    Args:
        counts: n_k, samples of each class in the training set, above 0. A pixel is hardly a new sample beside its
            neighbour, so the number of images that hold the class is often the better count than that of its pixels.
        beta: β in [0, 1); 0 weighs all alike, and from 0 to 1 the weights go to 1/n_k.

    Returns:
        w, (K,) float64.

    Raises:
        ValueError: For counts that are not positive numbers, or a β outside [0, 1).
    """
    if not counts or not all(math.isfinite(count) and count > 0 for count in counts):
        raise ValueError(f"counts must be a finite number above 0 for every class, found {list(counts)}")
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be at least 0 and below 1, found {beta}")
    n = torch.tensor(counts, dtype=torch.float64)
    weights = 1 / -torch.expm1(n * math.log(beta)) if beta > 0 else torch.ones_like(n)
    return weights / weights.mean()


class WeightedCrossEntropyLoss(nn.Module):
    """Cross entropy on full masks with rare classes weighted up: see :func:`weighted_cross_entropy`.

    Args:
        counts: Samples of each class in the training set, background first: see :func:`effective_number_weights`.
        beta: β in [0, 1).

    Raises:
        ValueError: For counts that are not positive numbers, or a β outside [0, 1).
    """

    target: ClassVar[str] = "label"
    weights: Tensor

    def __init__(self, counts: Sequence[float], beta: float = 0.99) -> None:
        super().__init__()
        self.counts = tuple(counts)
        self.beta = beta
        # Float32, for not every device has better. Not part of the state: the settings say it.
        self.register_buffer("weights", effective_number_weights(counts, beta).float(), persistent=False)

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on a label map (B, *spatial), 255 = ignored."""
        prediction = Prediction.of(prediction)
        return weighted_cross_entropy(prediction.log_probs, within_domain(target, prediction), self.weights)
