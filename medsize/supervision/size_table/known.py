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
class Names:
    """The names of the data.

    Attributes:
        case: Ids of its cases.
        structure: Names of its structures.
    """

    case: KnownNames
    structure: KnownNames

    @classmethod
    def of(cls, cases: Iterable[str], structures: Iterable[str]) -> Self:
        """Make them of the names as the data has them."""
        return cls(KnownNames(cases, "case"), KnownNames(structures, "structure"))


def known_entry(entry: SizeEntry, names: Names, grids: Mapping[str, Grid]) -> SizeEntry:
    """Return a row with the names that the data has.

    Args:
        entry: The row.
        names: Of the data.
        grids: How large the images are, by id of the case.

    Raises:
        InputError: The data has no such case, slice or structure.
    """
    case = names.case.find(entry.case)
    if name_key(entry.structure) == "background":
        raise InputError("the background has no size of its own", remedy="leave the row out")
    structure = names.structure.find(entry.structure)
    slices = grids[case].shape[2]
    if entry.slice is not None and entry.slice >= slices:
        raise InputError("no such slice", expected=f"0 to {slices - 1}", found=str(entry.slice))
    # a photo is one plane, so that a row about it need not name the slice
    number = 0 if entry.slice is None and slices == 1 and isnan(grids[case].spacing_mm[0]) else entry.slice
    if (case, structure, number) == (entry.case, entry.structure, entry.slice):
        return entry
    return replace(entry, case=case, structure=structure, slice=number)


def known_entries(
    path: Path, entries: Sequence[SizeEntry], grids: Mapping[str, Grid], structures: Sequence[str]
) -> list[SizeEntry]:
    """Return all rows with the names that the data has.

    Args:
        path: The table, for messages.
        entries: Its rows.
        grids: How large the images are, by id of the case.
        structures: Names of the structures.

    Raises:
        InputErrors: The data has no such cases, slices or structures; all rows are listed.
    """
    names = Names.of(grids, structures)
    known: list[SizeEntry] = []
    problems: list[InputError] = []
    for entry in entries:
        try:
            known.append(known_entry(entry, names, grids))
        except InputError as error:
            problems.append(InputError(f"{path}, row {entry.row}: {error}"))
    if problems:
        raise InputErrors(problems)
    return known
