"""Figures as people read them."""

import math

from medsize.metrics.statistics import Statistics


def number(value: float | None, decimals: int = 3, *, sign: bool = False) -> str:
    """Return a figure for people: a true minus, ∞, and a dash for what is not known."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:{'+' if sign else ''}.{decimals}f}".replace("-", "−")


def spread(statistics: Statistics, decimals: int = 3) -> str:
    """Return mean ± standard deviation; where a value is infinite, what the finite ones come to is said too."""
    if not math.isinf(statistics.mean):
        return f"{number(statistics.mean, decimals)} ± {number(statistics.sd, decimals)}"
    return f"∞ (finite: {number(statistics.mean_of_finite, decimals)})"


def interval(low: float, high: float, decimals: int = 3, *, sign: bool = False) -> str:
    """Return an interval; a dash where it is not known."""
    if math.isnan(low) and math.isnan(high):
        return "–"
    return f"{number(low, decimals, sign=sign)} to {number(high, decimals, sign=sign)}"


def quartiles(statistics: Statistics, decimals: int = 3) -> str:
    """Return median [lower quartile, upper quartile]."""
    q25, median, q75 = (number(value, decimals) for value in (statistics.q25, statistics.median, statistics.q75))
    return f"{median} [{q25}, {q75}]"
