"""What a table of sizes says, at a glance."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from medsize.supervision.size_table.combine import combine
from medsize.supervision.size_table.entry import SizeEntry
from medsize.supervision.size_table.known import Extents


def summarise_sizes(
    entries: Sequence[SizeEntry], extents: Extents | None = None, phases: Mapping[str, str | None] | None = None
) -> pd.DataFrame:
    """Return one line a structure, kind of item and unit.

    Args:
        entries: The rows of the table.
        extents: Of the images; sizes then become mL of cases and mm² of slices (percent of images without spacing),
            with the raters of each item combined.
        phases: Phase of each case; each then has lines of its own.

    Returns:
        Columns ``structure``, ``phase``, ``of`` (``case`` or ``slice``), ``unit``, ``items``, ``ranges_alone``,
        ``absent`` (items of size 0), ``minimum``, ``median`` and ``maximum`` of the present ones (NaN without
        any), ``raters`` (most of one item) and ``seconds`` (median a row, NaN if nobody tells).
    """
    items: dict[tuple[str, int | None, str], list[SizeEntry]] = defaultdict(list)
    for entry in entries:
        items[entry.case, entry.slice, entry.structure].append(entry)
    groups: dict[tuple[str, str, str, str], list[tuple[float, list[SizeEntry]]]] = defaultdict(list)
    for (case, number, structure), rows in items.items():
        place = (structure, (phases or {}).get(case) or "", "case" if number is None else "slice")
        if extents is None:
            for row in rows:
                groups[*place, row.unit].append((math.nan if row.value is None else row.value, rows))
        else:
            extent = extents(case, number is None)
            size, unit = extent.physical(combine(rows, extent).fraction)
            groups[*place, unit].append((size, rows))
    lines = [
        {**dict(zip(("structure", "phase", "of", "unit"), key, strict=True)), **_line(found)}
        for key, found in groups.items()
    ]
    return pd.DataFrame(lines)


def _line(found: Sequence[tuple[float, list[SizeEntry]]]) -> dict[str, float]:
    sizes = np.array([size for size, _ in found])
    present = sizes[sizes > 0]
    rows = {row.row: row for _, entries in found for row in entries}.values()
    seconds = [row.seconds for row in rows if row.seconds is not None]
    low, middle, high = (present.min(), np.median(present), present.max()) if present.size else (math.nan,) * 3
    return {
        "items": len(found),
        "ranges_alone": int(np.isnan(sizes).sum()),
        "absent": int((sizes == 0).sum()),
        "minimum": float(low),
        "median": float(middle),
        "maximum": float(high),
        "raters": max(len(entries) for _, entries in found),
        "seconds": float(np.median(seconds)) if seconds else math.nan,
    }
