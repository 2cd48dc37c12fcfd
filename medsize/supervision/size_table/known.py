"""The rows of a table under the names, and with the extents, of the data."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Self

from medsize.data.formats import Grid
from medsize.errors import InputError, InputErrors
from medsize.names import name_key
from medsize.supervision.size_table.entry import SizeEntry
from medsize.supervision.size_table.extent import Extent
from medsize.supervision.size_table.names import KnownNames

Extents = Callable[[str, bool], Extent]
"""From the id of a case, and whether all of it is meant, to its extent or that of its slices."""


def extents_of(grids: Mapping[str, Grid]) -> Extents:
    """Return how large cases and their slices are."""
    return lambda case, whole_case: extent_of(grids[case], whole_case=whole_case)


def extent_of(grid: Grid, *, whole_case: bool) -> Extent:
    """Return the extent of an image, or of one of its slices.

    Args:
        grid: Of the image.
        whole_case: All slices together.
    """
    (x, y, z), (x_mm, y_mm, z_mm) = grid.shape, grid.spacing_mm
    return Extent(x * y * (z if whole_case else 1), x_mm * y_mm, x_mm * y_mm * z_mm / 1000, whole_case)


@dataclass(frozen=True, slots=True)
class KnownData:
    """What a table may be about: the only place that says which row of the data a row of a table means.

    Attributes:
        case: Ids of its cases.
        structure: Names of its structures.
        slices: How many slices a case has, by id; of a case that is not among them, none is doubted.
        photos: Whether each case is one plane, so that a row about it need not name the slice.
    """

    case: KnownNames
    structure: KnownNames
    slices: Mapping[str, int]
    photos: bool

    @classmethod
    def of(cls, cases: Iterable[str], structures: Iterable[str], slices: Mapping[str, int], *, photos: bool) -> Self:
        """Make it of the names as the data has them."""
        return cls(KnownNames(cases, "case"), KnownNames(structures, "structure"), slices, photos)

    @classmethod
    def of_grids(cls, grids: Mapping[str, Grid], structures: Iterable[str]) -> Self:
        """Make it of how large the images are, by id of the case."""
        photos = bool(grids) and all(isnan(grid.spacing_mm[0]) for grid in grids.values())
        return cls.of(grids, structures, {case: grid.shape[2] for case, grid in grids.items()}, photos=photos)

    def entry(self, entry: SizeEntry) -> SizeEntry:
        """Return a row of a table with the names that the data has.

        Raises:
            InputError: The data has no such case, slice or structure.
        """
        case = self.case.find(entry.case)
        if name_key(entry.structure) == "background":
            raise InputError("the background has no size of its own", remedy="leave the row out")
        structure = self.structure.find(entry.structure)
        slices = self.slices.get(case)
        if entry.slice is not None and slices is not None and entry.slice >= slices:
            raise InputError(
                f"no such slice of case {case}", expected=f"0 to {slices - 1}", found=repr(str(entry.slice))
            )
        number = 0 if entry.slice is None and self.photos else entry.slice
        if (case, structure, number) == (entry.case, entry.structure, entry.slice):
            return entry
        return replace(entry, case=case, structure=structure, slice=number)

    def entries(self, path: Path, entries: Sequence[SizeEntry]) -> list[SizeEntry]:
        """Return all rows of a table with the names that the data has.

        Args:
            path: The table, for messages.
            entries: Its rows.

        Raises:
            InputErrors: The data has no such cases, slices or structures; all rows are listed.
        """
        known: list[SizeEntry] = []
        problems: list[InputError] = []
        for entry in entries:
            try:
                known.append(self.entry(entry))
            except InputError as error:
                problems.append(InputError(f"{path}, row {entry.row}: {error}"))
        if problems:
            raise InputErrors(problems)
        return known
