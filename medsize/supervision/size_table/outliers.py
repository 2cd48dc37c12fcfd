"""Sizes that do not fit the others of a table."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from statistics import median
from typing import Final

import numpy as np

from medsize.data.case import Case
from medsize.supervision.size_table.combine import Estimate
from medsize.supervision.size_table.known import Extents

Item = tuple[str, int | None, str]
"""Case, slice (None for the whole case) and structure."""

DEVIATIONS: Final = 5.0
"""How many robust deviations from the others a size must be to be told."""

DEVIATIONS_BESIDE: Final = 8.0
"""The same for the slices beside it: at the ends of an organ, true sizes drop at once."""

SMALLEST_DEVIATION: Final = 0.1
"""A robust deviation of the logarithm that is never undercut: where all agree, 10 % is no outlier."""

NEIGHBOURS: Final = 5
"""How many other sizes there must be to call one an outlier."""

_NORMAL: Final = 1.4826  # of a normal distribution, the standard deviation over the median absolute deviation


def find_outliers(
    estimates: Mapping[Item, Estimate], cases: Mapping[str, Case], extents: Extents
) -> Iterator[tuple[Item, str]]:
    """Yield the sizes that are far from others, and from which.

    Distances are of the logarithm of the size in mL or mm², in units of 1.4826 times the median absolute deviation
    within a group: of one structure and phase, whole cases and slices apart. A size is told if it is far

    - from the median of its group;
    - of a whole case, from the other sizes of the same patient: what remains after subtracting each group's median is
      compared with its median over those others, at least two;
    - of a slice, from the slices on both of its sides (their geometric mean), and farther than these are from theirs.

    Args:
        estimates: Of every item, raters combined.
        cases: The cases of the data by id.
        extents: How large they are.
    """
    sizes = dict(_sizes(estimates, extents))
    logs = {item: math.log(size) for item, (size, _) in sizes.items()}

    def group(item: Item) -> Hashable:
        case, number, structure = item
        return structure, cases[case].phase, number is None

    residuals, from_group = _distances(logs, group)
    _, from_patient = _distances(_beside_the_patient(residuals, cases), group)
    _, from_slices = _distances(_beside_slices(logs), group)
    for item, (size, unit) in sizes.items():
        case, _, structure = item
        written = f"{size:.4g} {unit}"
        if from_group.get(item, 0) > DEVIATIONS:
            phase = cases[case].phase
            others = f"the median of {structure}{f' at {phase}' if phase else ''}"
            middle = f", {math.exp(logs[item] - residuals[item]):.4g} {unit}"
            yield item, f"{written} is far from {others}{middle} ({from_group[item]:.0f} robust deviations)"
        elif from_patient.get(item, 0) > DEVIATIONS:
            others = f"the other sizes of {cases[case].group}"
            yield item, f"{written} does not fit {others} ({from_patient[item]:.0f} robust deviations)"
        elif from_slices.get(item, 0) > DEVIATIONS_BESIDE and not _is_beside_a_farther_one(item, from_slices):
            yield item, f"{written} does not fit the slices beside it ({from_slices[item]:.0f} robust deviations)"


def _sizes(estimates: Mapping[Item, Estimate], extents: Extents) -> Iterator[tuple[Item, tuple[float, str]]]:
    """The size of each item that is not absent, of a range its geometric middle, and its unit."""
    for item, estimate in estimates.items():
        fraction = estimate.fraction
        if math.isnan(fraction):
            fraction = math.sqrt(estimate.low * estimate.high)
        if fraction > 0:
            yield item, extents(item[0], item[1] is None).physical(fraction)


def _distances(
    values: Mapping[Item, float], group: Callable[[Item], Hashable]
) -> tuple[dict[Item, float], dict[Item, float]]:
    """Values less the median of their group, and that in robust deviations, in groups that are large enough."""
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in values:
        groups[group(item)].append(item)
    residuals: dict[Item, float] = {}
    distances: dict[Item, float] = {}
    for items in groups.values():
        left = np.array([values[item] for item in items])
        left -= np.median(left)
        residuals.update(zip(items, left.tolist(), strict=True))
        if len(items) > NEIGHBOURS:
            deviation = max(_NORMAL * float(np.median(np.abs(left))), SMALLEST_DEVIATION)
            distances.update(zip(items, (np.abs(left) / deviation).tolist(), strict=True))
    return residuals, distances


def _beside_the_patient(residuals: Mapping[Item, float], cases: Mapping[str, Case]) -> dict[Item, float]:
    patients: dict[str, list[Item]] = defaultdict(list)
    for item in residuals:
        if item[1] is None:
            patients[cases[item[0]].group].append(item)
    return {
        item: residuals[item] - median(residuals[other] for other in items if other != item)
        for items in patients.values()
        if len(items) > 2
        for item in items
    }


def _beside_slices(logs: Mapping[Item, float]) -> dict[Item, float]:
    beside: dict[Item, float] = {}
    for (case, number, structure), size in logs.items():
        if number is not None:
            sides = [logs.get((case, number + step, structure)) for step in (-1, 1)]
            known = [side for side in sides if side is not None]
            if len(known) == 2:
                beside[case, number, structure] = size - sum(known) / 2
    return beside


def _is_beside_a_farther_one(item: Item, distances: Mapping[Item, float]) -> bool:
    case, number, structure = item
    sides = [] if number is None else [(case, number - 1, structure), (case, number + 1, structure)]
    return any(distances.get(side, 0) > distances[item] for side in sides)
