"""The measures as people call them, and how to print their figures."""

import math
from dataclasses import dataclass
from typing import Final, Literal

from medsize.evaluation.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Measure:
    """How to speak of a column of ``metrics.csv``.

    Attributes:
        title: What people call it, with its unit.
        decimals: Worth printing.
        best: Which figures are good: ``high``, ``low`` or those near ``zero``.
    """

    title: str
    decimals: int
    best: Literal["high", "low", "zero"]


MEASURE_WORDS: Final = {
    "dice_scan": Measure("dice_scan", 3, "high"),
    "dice_slice": Measure("dice_slice", 3, "high"),
    "jaccard": Measure("Jaccard", 3, "high"),
    "precision": Measure("precision", 3, "high"),
    "recall": Measure("recall", 3, "high"),
    "f_measure": Measure("F-measure", 3, "high"),
    "hd95_mm": Measure("HD95, mm", 2, "low"),
    "assd_mm": Measure("ASSD, mm", 2, "low"),
    "nsd": Measure("NSD", 3, "high"),
    "volume_error_ml": Measure("volume error, mL", 1, "zero"),
    "volume_error_percent": Measure("volume error, %", 1, "zero"),
}
"""In the order of the tables."""


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
