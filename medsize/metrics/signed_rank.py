"""Whether a difference between two runs could be chance: signed ranks over patients, corrected for many questions."""

import math
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

SIGNIFICANCE: Final = 0.05
_MOST_ENUMERATED: Final = 13  # 2^13 signs
_MOST_EXACT: Final = 50


def wilcoxon(differences: ArrayLike) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test (Biometrics Bulletin 1945).

    Differences of zero are left out, as Wilcoxon did. The p is exact, except that with ties or zeros among more than
    13 differences, or with more than 50 differences, it is that of the normal approximation.

    Args:
        differences: (n,), one an independent subject; infinite ones rank last.

    Returns:
        From 0 to 1; 1 if no difference is other than zero, NaN if there are no differences.
    """
    values = np.asarray(differences, np.float64)
    if not values.size:
        return math.nan
    values = values[values != 0]
    if not values.size:
        return 1.0
    ranks = np.sign(values) * stats.rankdata(np.abs(values))  # the test looks at nothing else; infinities become ranks
    ties = len(np.unique(np.abs(ranks))) < len(ranks)
    if ties and len(ranks) <= _MOST_ENUMERATED:
        return _enumerate(ranks)
    method: Literal["exact", "approx"] = "exact" if not ties and len(ranks) <= _MOST_EXACT else "approx"
    return float(stats.wilcoxon(np.asarray(ranks, np.float64), method=method).pvalue)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Correct p values for the number of questions asked (Holm, Scandinavian Journal of Statistics 1979).

    Args:
        p_values: (m,); NaN, a question that could not be answered, stays NaN and does not count.

    Returns:
        (m,), the smallest level at which Holm's procedure rejects each, at most 1.
    """
    values = np.asarray(p_values, np.float64)
    adjusted = np.full(values.shape, np.nan)
    asked = np.flatnonzero(~np.isnan(values))
    order = asked[np.argsort(values[asked], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def smallest_p(subjects: int) -> float:
    """Return the smallest two-sided p that signed ranks of so many subjects can have, all differing one way."""
    return min(1.0, 2.0 ** (1 - subjects))


def _enumerate(ranks: NDArray[np.float64]) -> float:
    """Return the exact p where ranks are tied: the share of all signs with a sum as far from 0."""
    signs = 1 - 2 * ((np.arange(2 ** len(ranks))[:, None] >> np.arange(len(ranks))) & 1)
    return float(np.mean(np.abs(signs @ np.abs(ranks)) >= abs(ranks.sum()) - 1e-9))
