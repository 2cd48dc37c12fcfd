"""One row of a size table."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Unit = Literal[
    "ml", "mm3", "mm2", "cm2", "percent", "fraction", "pixels", "voxels", "cells 5x4", "cells 3x3"
]  # fmt: skip
"""How a size is measured. ``cells`` are those of a grid laid over the whole slice, 5 columns by 4 rows or 3 by 3."""

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)


@dataclass(frozen=True, slots=True)
class SizeEntry:
    """What one person says about the size of one structure, as one row of the table.

    Attributes:
        row: Row in the file; the header is row 1. 0 where it comes from no file.
        case: Id of the case, e.g. ``patient001_frame01``.
        slice: Number of the slice, from 0; None for the whole case.
        structure: Name of the structure.
        value: The size, 0 where the structure is absent; None if only a range is given.
        low: The least that the size may be, or None.
        high: The most that the size may be, or None.
        unit: Of value, low and high.
        rater: Who says so; empty if the table does not tell.
        seconds: How long it took, or None.
        note: Anything the rater wrote.
    """

    row: int
    case: str
    slice: int | None
    structure: str
    value: float | None
    low: float | None
    high: float | None
    unit: Unit
    rater: str = ""
    seconds: float | None = None
    note: str = ""
