"""How well predicted figures agree with true ones: bias, limits of agreement, correlation."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LIMITS: Final = 1.96
"""Standard deviations from the bias to a limit of agreement: 95 % of normal differences lie within both."""

CONFIDENCE: Final = 0.95

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Predicted against true figures, in their unit.

    What too few pairs leave open is NaN: spread and intervals need two, the correlation three.

    Attributes:
        pairs: How many.
        mean_true: Of the true figures.
        bias: Mean of predicted minus true.
        bias_interval: 95 % confidence interval of the bias.
        low: Lower limit of agreement, bias − 1.96 SD of the differences.
        low_interval: Its 95 % confidence interval.
        high: Upper limit of agreement.
        high_interval: Its 95 % confidence interval.
        absolute: Mean absolute error.
        correlation: Pearson's; NaN also where one of the two does not vary.
    """

    pairs: int
    mean_true: float
    bias: float
    bias_interval: Interval
    low: float
    low_interval: Interval
    high: float
    high_interval: Interval
    absolute: float
    correlation: float


def agreement(predicted: ArrayLike, true: ArrayLike) -> Agreement:
    """Compare predicted with true figures after Bland and Altman.

    The intervals take the pairs for independent: give one pair a patient. They are those of Bland and Altman,
    "Measuring agreement in method comparison studies" (Stat Methods Med Res 1999), section 2: Student's t times the
    standard error, which is SD·√(1/n) of the bias and SD·√(1/n + 1.96²/(2(n−1))) of a limit.

    Args:
        predicted: (n,), all finite, at least one.
        true: The same.
    """
    estimate, truth = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    difference = estimate - truth
    pairs, bias = difference.size, float(difference.mean())
    spread = float(difference.std(ddof=1)) if pairs > 1 else math.nan
    factor = float(stats.t.ppf((1 + CONFIDENCE) / 2, pairs - 1)) if pairs > 1 else math.nan
    of_bias = factor * spread * math.sqrt(1 / pairs)
    of_limit = factor * spread * math.sqrt(1 / pairs + LIMITS**2 / (2 * (pairs - 1))) if pairs > 1 else math.nan
    low, high = bias - LIMITS * spread, bias + LIMITS * spread
    return Agreement(
        pairs=pairs,
        mean_true=float(truth.mean()),
        bias=bias,
        bias_interval=(bias - of_bias, bias + of_bias),
        low=low,
        low_interval=(low - of_limit, low + of_limit),
        high=high,
        high_interval=(high - of_limit, high + of_limit),
        absolute=float(np.abs(difference).mean()),
        correlation=_correlation(estimate, truth),
    )


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    if x.size < 3 or not np.ptp(x) or not np.ptp(y):
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])
