"""Many cases in a few figures: middle, spread, and an interval over patients. Nothing is dropped unseen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 2000
"""How often patients are drawn anew for an interval."""

COVERAGE: Final = 0.95
"""Of the intervals."""

_AT_A_TIME = 4_000_000


@dataclass(frozen=True, slots=True)
class Statistics:
    """One measure over many cases.

    An infinite value (a distance to a structure that was not found) enters every figure as what it is: the median and
    the quartiles stay finite as long as few are infinite, the mean and the deviation do not. An undefined value
    enters none, and is counted.

    Attributes:
        cases: Values given, undefined and infinite ones among them.
        undefined: How many of them are NaN.
        infinite: How many of them are infinite.
        mean: Over the defined values; infinite if one is; NaN if there is none.
        sd: Standard deviation of a sample (n − 1); NaN of fewer than two; infinite where the mean is.
        median: Over the defined values.
        q25: Lower quartile, interpolated linearly.
        q75: Upper quartile, interpolated linearly.
        low: Lower end of the mean's 95 % interval; NaN where there are fewer than two groups.
        high: Upper end of the mean's 95 % interval.
        mean_of_finite: Mean of the finite values alone, to stand beside an infinite mean.
    """

    cases: int
    undefined: int
    infinite: int
    mean: float
    sd: float
    median: float
    q25: float
    q75: float
    low: float
    high: float
    mean_of_finite: float


def describe(
    values: NDArray[np.float64], groups: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES
) -> Statistics:
    """Summarise one measure over cases.

    Args:
        values: One a case, (n,); NaN where undefined.
        groups: The patient (or whatever else belongs together) of each case.
        seed: Of the draws of the interval.
        resamples: Draws of the interval.

    Raises:
        ValueError: Values and groups are not equally many.
    """
    defined = values[~np.isnan(values)]
    finite = defined[np.isfinite(defined)]
    infinite = len(defined) - len(finite)
    low, high = paired_bootstrap(values, groups, seed=seed, resamples=resamples)
    deviation = float(finite.std(ddof=1)) if len(finite) > 1 else float("nan")
    return Statistics(
        cases=len(values),
        undefined=len(values) - len(defined),
        infinite=infinite,
        mean=float(defined.mean()) if len(defined) else float("nan"),
        sd=float("inf") if infinite and len(defined) > 1 else deviation,
        median=quantile(defined, 0.5),
        q25=quantile(defined, 0.25),
        q75=quantile(defined, 0.75),
        low=low,
        high=high,
        mean_of_finite=float(finite.mean()) if len(finite) else float("nan"),
    )


def paired_bootstrap(
    differences: NDArray[np.float64], groups: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the 95 % interval of a mean over cases of several patients, by drawing whole patients.

    Two frames of one patient are alike, so cases are no independent draws: patients are drawn with replacement, each
    with all its cases, and the interval is that of the 2.5 and 97.5 percentiles of the means (cluster bootstrap;
    Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).

    Args:
        differences: One value a case, e.g. of one run less another on the same case, (n,). NaN values are left out.
        groups: The patient of each case.
        seed: Of the draws: the same gives the same interval.
        resamples: Draws.

    Returns:
        Lower and upper end; NaN if fewer than two groups have a value.

    Raises:
        ValueError: Values and groups are not equally many.
    """
    if len(differences) != len(groups):
        raise ValueError(f"expected one group a value, found {len(differences)} values and {len(groups)} groups")
    defined = ~np.isnan(differences)
    values = differences[defined]
    names, index = np.unique(np.asarray(groups, dtype=np.str_)[defined], return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    finite = np.isfinite(values)
    parts = (np.where(finite, values, 0), np.ones_like(values), values == np.inf, values == -np.inf)
    of_group = np.stack([np.bincount(index, part, len(names)) for part in parts]).astype(np.float64)
    random = np.random.default_rng(seed)
    step = max(_AT_A_TIME // len(names), 1)
    means = np.concatenate(
        [_draw_means(random, of_group, min(step, resamples - done)) for done in range(0, resamples, step)]
    )
    return quantile(means, (1 - COVERAGE) / 2), quantile(means, (1 + COVERAGE) / 2)


def quantile(values: NDArray[np.float64], share: float) -> float:
    """Return a quantile, interpolated linearly, that may lie among infinite values; NaN of none, or where one is NaN.

    ``numpy.quantile`` subtracts infinities and gives NaN where this gives infinity.
    """
    if not len(values) or np.isnan(values).any():
        return float("nan")
    place = share * (len(values) - 1)
    below, above = int(np.floor(place)), int(np.ceil(place))
    ordered = np.partition(values, (below, above))
    low, high = float(ordered[below]), float(ordered[above])
    if low == high or low == -np.inf < high < np.inf:
        return low
    return low + (high - low) * (place - below)


def _draw_means(random: np.random.Generator, of_group: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    groups = of_group.shape[1]
    drawn = random.integers(groups, size=(draws, groups))
    total, count, above, below = (part[drawn].sum(1) for part in of_group)
    means = total / count
    means[above > 0] = np.inf
    means[below > 0] = -np.inf
    return np.where((above > 0) & (below > 0), np.nan, means)
