"""Sizes are evidence: what people gave and what a network predicts, each by how far it can be trusted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.supervision.size_targets import Fractions

_FEWEST: Final = 20
"""With fewer pairs of sizes, variances are too uncertain to trust a network over people."""

_FARTHEST: Final = 3.0
"""Residuals count at most so many robust standard deviations: somebody's slip does not decide how all are trusted."""

_MAD_TO_SIGMA: Final = 1.4826


@dataclass(frozen=True, slots=True)
class CorrectedSizes:
    """Given sizes after a look at the predicted ones.

    Attributes:
        sizes: Fractions, (N, K), background first; NaN where nothing was given.
        given_error: Standard deviation of the given sizes' logarithm, (K,); NaN where it cannot be told.
        predicted_error: Of the predicted sizes' logarithm, (K,), likewise.
    """

    sizes: Fractions
    given_error: NDArray[np.float64]
    predicted_error: NDArray[np.float64]


def correct_sizes(given: Fractions, predicted: Fractions) -> CorrectedSizes:
    """Return the weighted mean of given and predicted sizes, in logarithms, each weighed by its own precision.

    Of two instruments that measure the same things with independent errors, each one's variance follows from their
    differences alone (Grubbs, J. Am. Stat. Assoc. 43, 1948): with g = ln given, p = ln predicted and r = p − g,
    ``σ_p² = cov(r, p)`` and ``σ_g² = −cov(r, g)``. Nobody has to say how large the noise is, and no mask is read.
    A network's bias is removed first: given sizes are right on average, so the median of r is its own. Both variances
    are raised by the standard error of the covariances, so that few sizes, of which little can be told, weigh alike.

    Sizes that are 0 stay 0; a structure that the network does not see at all keeps its given size, and so do all where
    there are fewer than 20 to compare.

    Args:
        given: Fractions of slices or of volumes, (N, K), background first; NaN where unknown.
        predicted: Likewise, by a network that has not learned the errors of the given ones by heart.
    """
    sizes = given.astype(np.float64).copy()
    classes = given.shape[1]
    errors = np.full((2, classes), np.nan)
    for number in range(1, classes):
        both = (given[:, number] > 0) & (predicted[:, number] > 0)
        if both.sum() < _FEWEST:
            continue
        told, seen = np.log(given[both, number]), np.log(predicted[both, number])
        seen -= np.median(seen - told)
        variances = _variances(told, seen)
        errors[:, number] = np.sqrt(variances)
        share = variances[0] / variances.sum() if variances.sum() > 0 else 0.0
        sizes[both, number] = np.exp(share * seen + (1 - share) * told)
    structures = np.nansum(sizes[:, 1:], axis=1, keepdims=True)
    sizes[:, 1:] /= np.maximum(structures, 1)
    changed = ~np.isnan(sizes[:, 0])
    sizes[changed, 0] = np.maximum(1 - np.nansum(sizes[changed, 1:], axis=1), 0)
    return CorrectedSizes(sizes, errors[0], errors[1])


def _variances(told: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error variances of the given and of the predicted logarithms, (2,), above 0 unless all are equal."""
    residual = seen - told
    limit = _FARTHEST * _MAD_TO_SIGMA * float(np.median(np.abs(residual)))
    residual = residual.clip(-limit, limit)
    residual -= residual.mean()
    parts = np.array([-(residual * told).mean(), (residual * seen).mean()])
    return np.maximum(parts, 0) + residual.std() * told.std() / np.sqrt(len(told))
