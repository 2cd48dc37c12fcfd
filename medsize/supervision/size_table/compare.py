"""How far the sizes of one table are from those of another: P0 eq. 14 and Fig. 5."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from medsize.errors import InputError
from medsize.supervision.size_table.combine import combine
from medsize.supervision.size_table.entry import SizeEntry, Unit
from medsize.supervision.size_table.extent import Extent
from medsize.supervision.size_table.known import Extents

QUANTITIES: Final[Mapping[Unit, str]] = {
    **dict.fromkeys(("ml", "mm3"), "volume"),
    **dict.fromkeys(("mm2", "cm2"), "area"),
    **dict.fromkeys(("percent", "fraction", "cells 5x4", "cells 3x3"), "share"),
    **dict.fromkeys(("pixels", "voxels"), "count"),
}
"""What each unit measures; sizes of one quantity compare without knowing the image."""

_ANY_EXTENT: Final = Extent(pixels=1e15, pixel_mm2=1.0, voxel_ml=1.0, whole_case=False)

BIN: Final = 0.1
"""Width of the bins of the histogram of relative errors."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sizes of two tables side by side.

    Attributes:
        errors: One row a case or slice and structure that both tables give a value: ``case``, ``slice`` (NA for
            whole cases), ``structure``, and ``relative_error``, ``(given − reference) / reference``. NaN where the
            reference is 0.
        only_given: Items that only the first table gives a value.
        only_reference: Items that only the second does.
        incomparable: Items in units of different quantities, which only the data could relate.
    """

    errors: pd.DataFrame
    only_given: int
    only_reference: int
    incomparable: int

    def structures(self) -> pd.DataFrame:
        """Return one line a structure, and one for ``all`` of several.

        Returns:
            Columns ``items`` (that count), ``mean_relative_error`` (of absolute values), ``bias`` (the mean with its
            sign), ``median_relative_error``, ``largest`` and ``absent_in_reference`` (items that do not count).
        """
        groups = list(self.errors.groupby("structure", sort=False))
        if len(groups) > 1:
            groups.append(("all", self.errors))
        lines = {name: _errors(group["relative_error"].dropna()) for name, group in groups}
        table = pd.DataFrame.from_dict(lines, orient="index")
        return table.assign(absent_in_reference=[int(group["relative_error"].isna().sum()) for _, group in groups])


def compare_sizes(
    given: Sequence[SizeEntry], reference: Sequence[SizeEntry], extents: Extents | None = None
) -> Comparison:
    """Compare two tables, after combining the raters of each.

    "Approximate Size Targets" (P0) eq. 14: ``RE = |v − v̂| / v̂``, only where the structure is present.

    Args:
        given: v.
        reference: v̂, e.g. of ``medsize sizes from-labels``.
        extents: Relates units of different quantities; without it, such items are not compared.

    Raises:
        InputError: The tables have no item in common that can be compared, or a size exceeds its image.
    """
    first, second = _items(given), _items(reference)
    common = [item for item in first if item in second]
    rows: list[tuple[str, int | None, str, float]] = []
    incomparable = 0
    for item in common:
        quantities = {QUANTITIES[entry.unit] for entry in (*first[item], *second[item])}
        if extents is None and len(quantities) > 1:
            incomparable += 1
            continue
        extent = _ANY_EXTENT if extents is None else extents(item[0], item[1] is None)
        value, exact = (combine(entries, extent).fraction for entries in (first[item], second[item]))
        rows.append((*item, (value - exact) / exact if exact > 0 else math.nan))
    if not rows:
        raise InputError(
            "nothing to compare: no case, slice and structure has a value in both tables",
            found=f"{len(first)} and {len(second)} items, {len(common)} in both",
            remedy="name the data with --data to relate their units" if incomparable else None,
        )
    errors = pd.DataFrame(rows, columns=["case", "slice", "structure", "relative_error"])
    errors["slice"] = errors["slice"].astype("Int64")
    return Comparison(errors, len(first) - len(common), len(second) - len(common), incomparable)


def histogram(errors: pd.Series) -> tuple[list[float], list[float]]:
    """Return the left edges of bins of relative errors, and the share of the errors in each.

    The bins are :data:`BIN` wide and centred on multiples of it; all from the first to the last that holds an error.

    Args:
        errors: With their sign, none NaN.
    """
    numbers = np.floor(errors.to_numpy(np.float64) / BIN + 0.5).astype(int)
    if not len(numbers):
        return [], []
    counts = np.bincount(numbers - numbers.min())
    edges = [(number - 0.5) * BIN for number in range(numbers.min(), numbers.max() + 1)]
    return edges, (counts / len(numbers)).tolist()


def _items(entries: Sequence[SizeEntry]) -> dict[tuple[str, int | None, str], list[SizeEntry]]:
    items: dict[tuple[str, int | None, str], list[SizeEntry]] = defaultdict(list)
    for entry in entries:
        if entry.value is not None:
            items[entry.case, entry.slice, entry.structure].append(entry)
    return items


def _errors(signed: pd.Series) -> dict[str, float]:
    size = signed.abs()
    return {
        "items": len(signed),
        "mean_relative_error": size.mean(),
        "bias": signed.mean(),
        "median_relative_error": size.median(),
        "largest": size.max(),
    }
