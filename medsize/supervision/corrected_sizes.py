"""Sizes are evidence: what people gave and what a network predicts, each by how far it can be trusted."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.supervision.size_targets import Fractions

_FEWEST: Final = 20
"""Pairs of sizes that tell how far the two differ."""

_GROUPS: Final = 5
"""Of alike many sizes, from small to large: a network errs far more about small objects, in proportion."""

_OF_A_GROUP: Final = 100
"""Sizes at least, where there are several: the spread of fewer is itself not known to better than a tenth."""

_FARTHEST: Final = 3.5
"""In robust standard deviations: where they differ by more, somebody slipped, and no mean of two is right."""

_MAD_TO_SIGMA: Final = 1.4826


@dataclass(frozen=True, slots=True)
class CorrectedSizes:
    """Given sizes after a look at the predicted ones.

    Attributes:
        sizes: Fractions, (N, K), background first; NaN where nothing was given.
        difference: Robust standard deviation of ln predicted − ln given of each structure, (K,), the background's and
            that of too few sizes NaN.
    """

    sizes: Fractions
    difference: NDArray[np.float64]


def correct_sizes(given: Fractions, predicted: Fractions, noise: float | None = None) -> CorrectedSizes:
    """Return the mean of given and predicted sizes, in logarithms, each weighed by its own precision.

    Of two measurements with independent errors of variance σ_g² and σ_p² the best mean leaves the given one by
    ``σ_g² / (σ_g² + σ_p²)`` of their difference, and that sum is the variance of their differences, which is known.
    It is taken among sizes that are alike, as a network errs more about small objects. If nobody says σ_g, the two are
    taken to err alike where they agree best: no look at the differences can tell whose they are.

    A network's bias is removed first: given sizes are right on average, so the median difference is the network's.
    Sizes that are 0 stay 0. A given size also stays where the network sees nothing or differs by far, and where there
    are fewer than 20 to compare.

    Args:
        given: Fractions of slices or of volumes, (N, K), background first; NaN where unknown.
        predicted: Likewise, by a network that has not learned the errors of the given ones by heart.
        noise: Mean relative error of the given sizes, if it is known.
    """
    sizes = given.astype(np.float64).copy()
    difference = np.full(given.shape[1], np.nan)
    for number in range(1, given.shape[1]):
        both = (given[:, number] > 0) & (predicted[:, number] > 0)
        if both.sum() < _FEWEST:
            continue
        told = np.log(given[both, number])
        apart = np.log(predicted[both, number]) - told
        apart -= np.median(apart)
        difference[number] = _spread(apart)
        sizes[both, number] = np.exp(told + _shares(told, apart, noise) * apart)
    structures = np.nansum(sizes[:, 1:], axis=1, keepdims=True)
    sizes[:, 1:] /= np.maximum(structures, 1)
    known = ~np.isnan(sizes[:, 0])
    sizes[known, 0] = np.maximum(1 - np.nansum(sizes[known, 1:], axis=1), 0)
    return CorrectedSizes(sizes, difference)


def _shares(told: NDArray[np.float64], apart: NDArray[np.float64], noise: float | None) -> NDArray[np.float64]:
    """Return by what share of its difference each given size is left, (n,)."""
    groups = np.array_split(np.argsort(told, kind="stable"), max(min(_GROUPS, len(told) // _OF_A_GROUP), 1))
    spreads = [_spread(apart[group]) for group in groups]
    of_given = noise * math.sqrt(math.pi / 2) if noise is not None else min(spreads) / math.sqrt(2)
    shares = np.zeros_like(told)
    for group, spread in zip(groups, spreads, strict=True):
        if spread > 0:
            alike = np.abs(apart[group]) < _FARTHEST * spread
            shares[group] = np.where(alike, min((of_given / spread) ** 2, 1), 0)
    return shares


def _spread(apart: NDArray[np.float64]) -> float:
    return _MAD_TO_SIGMA * float(np.median(np.abs(apart)))
