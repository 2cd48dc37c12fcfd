"""One estimate from several raters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from medsize.errors import InputError, InputErrors
from medsize.supervision.size_table.entry import SizeEntry
from medsize.supervision.size_table.extent import Extent, to_fraction


@dataclass(frozen=True, slots=True)
class Estimate:
    """What all raters together say about the size of one structure on one slice or in one case.

    Attributes:
        fraction: Their value, a fraction of the slice or case; NaN if nobody gave more than a range.
        low: The least it may be; NaN, with ``high``, if nobody gave a range and fewer than two a value.
        high: The most it may be.
        raters: How many rows it comes from.
        spread: ``(largest − smallest) / fraction`` of the raters' values; 0 with fewer than two values.
    """

    fraction: float
    low: float
    high: float
    raters: int
    spread: float


def combine(entries: Sequence[SizeEntry], extent: Extent) -> Estimate:
    """Combine all rows of one structure on one slice or in one case.

    The value is the geometric mean of the raters' values, as people err by factors; it is the arithmetic mean when
    one of the values is 0, since a single "absent" would otherwise overrule all others. The range is the mean, of
    the same kind, of the given lower bounds and of the given upper bounds: unlike an intersection it is never empty
    and does not get narrower by one bold rater. A row that gives one bound only leaves the other at 0 or at the whole
    image. Where no row gives a range, it reaches from the smallest to the largest of several values. It is widened
    to hold the value, where the raters with ranges are not those with values.

    Args:
        entries: The rows, at least one, each with a value or a range.
        extent: How large the slice or case is.

    Raises:
        InputError: A size cannot be converted to a fraction of this extent.
        InputErrors: Several cannot; each names its row.
    """
    values: list[float] = []
    ranges: list[tuple[float, float]] = []
    problems: list[InputError] = []
    for entry in entries:
        try:
            value, low, high = (
                None if number is None else to_fraction(number, entry.unit, extent)
                for number in (entry.value, entry.low, entry.high)
            )
        except InputError as error:
            problems.append(InputError(f"row {entry.row}: {error}"))
            continue
        if value is not None:
            values.append(value)
        if low is not None or high is not None:
            ranges.append((0.0 if low is None else low, 1.0 if high is None else high))
    if problems:
        raise problems[0] if len(problems) == 1 else InputErrors(problems)
    fraction = _mean(values) if values else math.nan
    low, high = _range(values, ranges)
    spread = (max(values) - min(values)) / fraction if fraction > 0 else 0.0
    return Estimate(fraction, low, high, len(entries), spread)


def _mean(numbers: Sequence[float]) -> float:
    """Geometric, or arithmetic when one is 0; never outside the numbers by rounding."""
    if min(numbers) > 0:
        mean = math.exp(math.fsum(math.log(number) for number in numbers) / len(numbers))
    else:
        mean = math.fsum(numbers) / len(numbers)
    return min(max(mean, min(numbers)), max(numbers))


def _range(values: list[float], ranges: list[tuple[float, float]]) -> tuple[float, float]:
    if not ranges:
        return (min(values), max(values)) if len(values) > 1 else (math.nan, math.nan)
    lows, highs = zip(*ranges, strict=True)
    low, high = _mean(lows), _mean(highs)
    return (min(low, _mean(values)), max(high, _mean(values))) if values else (low, high)
