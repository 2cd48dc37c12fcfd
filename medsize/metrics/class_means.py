"""Means over classes of ratios over a whole data set, as mIoU is, with intervals over its images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.metrics.statistics import COVERAGE, RESAMPLES

_AT_A_TIME: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of a data set with the 95 % interval of draws of its images; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClassMean:
    """One measure over the classes of a data set.

    Attributes:
        mean: Over the classes that have it.
        of_class: Of each class, K of them.
    """

    mean: Ratio
    of_class: tuple[Ratio, ...]


Parts = tuple[NDArray[np.float64] | NDArray[np.int64], NDArray[np.float64] | NDArray[np.int64]]


def class_means(
    measures: Mapping[str, Parts], groups: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, ClassMean]:
    """Sum over the images, divide for each class, and take the mean over the classes.

    So mIoU has the right pixels above and those of the union below; the instance-aware one the sum of the instances'
    IoU above and their number below. A class with nothing below is left out. The intervals are those of draws of
    groups of images with replacement (cluster bootstrap), the same draws for every measure. In a draw without a class
    that class keeps its figure: were it left out, the mean over many rare classes would be of other classes in every
    draw, and its interval need not even hold the mean.

    Args:
        measures: Name to what stands above and below, (N, K) each: a row an image, a column a class.
        groups: What belongs together, one an image: photos are groups of their own as a rule.
        seed: Of the draws.
        resamples: Draws.

    Raises:
        ValueError: Images and groups are not equally many.
    """
    names, place = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    sums = {}
    for name, parts in measures.items():
        if any(len(part) != len(groups) for part in parts):
            raise ValueError(f"{name}: expected one row a group, found {len(parts[0])} and {len(groups)} groups")
        sums[name] = tuple(_sum_groups(part, place, len(names)) for part in parts)
    drawn = _draw(sums, len(names), seed, resamples) if len(names) > 1 else {}
    return {name: _class_mean(above.sum(0), below.sum(0), drawn.get(name)) for name, (above, below) in sums.items()}


def _sum_groups(
    part: NDArray[np.float64] | NDArray[np.int64], place: NDArray[np.intp], groups: int
) -> NDArray[np.float64]:
    summed = np.zeros((groups, part.shape[1]))
    np.add.at(summed, place, part)
    return summed


def _draw(
    sums: Mapping[str, tuple[NDArray[np.float64], ...]], groups: int, seed: int, resamples: int
) -> dict[str, NDArray[np.float64]]:
    """Return the ratios of each draw, (resamples, K)."""
    random = np.random.default_rng(seed)
    columns = np.concatenate([part for parts in sums.values() for part in parts], axis=1)
    step = max(_AT_A_TIME // groups, 1)
    drawn = np.concatenate(
        [
            random.multinomial(groups, np.full(groups, 1 / groups), size=min(step, resamples - done)) @ columns
            for done in range(0, resamples, step)
        ]
    )
    ratios, start = {}, 0
    for name, parts in sums.items():
        width = parts[0].shape[1]
        found = _divide(drawn[:, start : start + width], drawn[:, start + width : start + 2 * width])
        whole = _divide(*(part.sum(0) for part in sums[name]))
        ratios[name] = np.where(np.isnan(found), whole, found)
        start += 2 * width
    return ratios


def _class_mean(above: NDArray[np.float64], below: NDArray[np.float64], drawn: NDArray[np.float64] | None) -> ClassMean:
    values = _divide(above, below)
    of_class = [_ratio(value, None if drawn is None else drawn[:, place]) for place, value in enumerate(values)]
    return ClassMean(
        _ratio(_mean(values[None])[0], None if drawn is None else _mean(drawn)),
        tuple(of_class),
    )


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0), np.float64)


def _mean(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    defined = ~np.isnan(ratios)
    return _divide(np.where(defined, ratios, 0).sum(1), defined.sum(1).astype(np.float64))


def _ratio(value: float, drawn: NDArray[np.float64] | None) -> Ratio:
    defined = np.empty(0) if drawn is None else drawn[~np.isnan(drawn)]
    if np.isnan(value) or not defined.size:
        return Ratio(float(value), float("nan"), float("nan"))
    low, high = np.quantile(defined, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return Ratio(float(value), float(low), float(high))
