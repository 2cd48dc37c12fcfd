"""A table of people's sizes, as fractions of what the network sees."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from medsize.config.level import Level, Levels
from medsize.data.store import SliceStore
from medsize.errors import InputError, InputErrors
from medsize.supervision.extents import image_extent, image_per_slice
from medsize.supervision.size_table import SizeEntry, combine, read_size_table
from medsize.supervision.size_table.known import KnownData
from medsize.supervision.size_targets import Fractions

_SUM_TOLERANCE: Final = 1e-6

Key = tuple[str, int | None, str]
"""Case, slice (None for the whole case) and structure."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What is known of the sizes of slices or volumes, one row a slice of a store.

    Attributes:
        value: Fractions of Ω, (N, K), background first; NaN where unknown.
        low: Their lower bounds, (N, K), NaN where there is none; the background has none.
        high: Their upper bounds, (N, K).
    """

    value: Fractions
    low: Fractions
    high: Fractions

    @classmethod
    def unknown(cls, slices: int, classes: int) -> Self:
        """Return estimates that know nothing."""
        return cls(*(np.full((slices, classes), np.nan) for _ in range(3)))

    def presence(self) -> Fractions:
        """Return the value, or where there is a range alone a number in it if that tells whether anything is there."""
        told = np.isnan(self.value) & ((self.low > 0) | (self.high == 0))
        sizes = np.where(told, self.high, self.value)
        sizes[:, 0] = np.maximum(1 - sizes[:, 1:].sum(1), 0)
        return sizes


@dataclass(frozen=True, slots=True)
class GivenTable:
    """The rows of a size table that a run can use.

    Attributes:
        path: The table.
        entries: Its rows by case, slice and structure; several of one key are several raters.
        left_out: How many rows are about cases or structures of the data set that the run does not use.
    """

    path: Path
    entries: Mapping[Key, list[SizeEntry]]
    left_out: int

    @classmethod
    def read(cls, path: Path, store: SliceStore, known: Collection[str] = (), others: Collection[str] = ()) -> Self:
        """Read a table for the slices of a store.

        Args:
            path: The table.
            store: The slices.
            known: Structures of the data set; rows about those that the store does not hold are left out.
                Of photos, which have no spacing, rows need not name the slice.
            others: Cases of the data set that the store does not hold; rows about them are left out.

        Raises:
            InputError: The file cannot be read as such a table.
            InputErrors: Rows that cannot be used, all of them, each by its number.
        """
        counts = {str(case): count for case, count in store.index["case"].value_counts().items()}
        photos = all(np.isnan(store.spacing_mm(case)).any() for case in counts)
        data = KnownData.of([*counts, *others], [*store.structures, *known], counts, photos=photos)
        entries: dict[Key, list[SizeEntry]] = defaultdict(list)
        left_out = 0
        for entry in data.entries(path, read_size_table(path)):
            if entry.structure in store.structures and entry.case in counts:
                entries[entry.case, entry.slice, entry.structure].append(entry)
            else:
                left_out += 1
        return cls(path, dict(entries), left_out)

    @property
    def levels(self) -> Levels:
        """What its rows are about."""
        return levels_of(number for _, number, _ in self.entries)

    def require(self, levels: Levels) -> None:
        """Raise InputError unless the table says what the levels of a run ask for.

        Sizes of all the slices of a case add up to that of its volume, so a table of slices serves volumes too.
        """
        has = self.levels
        if has == levels or (has, levels) == ("slice", "volume"):
            return
        words = {"slice": "rows of slices", "volume": "rows of whole cases", "both": "rows of slices and of cases"}
        raise InputError(
            f"supervision.level is '{levels}', which is not what {self.path} gives",
            expected=words[levels],
            found=words[has],
            remedy="leave supervision.level out (--set supervision.level=null): the table says what its rows are about",
        )

    def estimates(self, store: SliceStore, rows: NDArray[np.integer], level: Level) -> Estimates:
        """Return the sizes of the slices, or of the volumes, of some rows as fractions of Ω.

        Amounts (mL, mm², …) are divided by what the network sees of a slice or of a case; shares of the image as it
        is in the file (percent, fractions, cells, pixels) are turned into shares of that.

        Args:
            store: The slices.
            rows: The rows that get sizes, whole cases for volumes.
            level: ``"slice"``, or ``"volume"``: all rows of a case have the sizes of its volume, which those of its
                slices add up to where the table has no rows of whole cases.

        Returns:
            NaN outside ``rows``. The background is what the structures leave, and NaN where one of them is.

        Raises:
            InputErrors: Structures that are larger than what holds them, or slices missing in a sum.
        """
        add_up = level == "volume" and self.levels == "slice"
        found, problems = self._filled(store, "slice" if add_up else level)
        outside = np.setdiff1d(np.arange(len(store)), rows)
        for sizes in (found.value, found.low, found.high):
            sizes[outside] = np.nan
        if add_up and not problems:
            problems = self._add_up(found, store, rows)
        if problems:
            raise InputErrors(problems)
        found.value[:, 0] = np.maximum(1 - found.value[:, 1:].sum(1), 0)
        return found

    def written(self, case: str, number: int | None, structure: str) -> dict[str, object]:
        """Return what the table says of an item, as it says it; of several rows, joined by semicolons."""
        items = [self.entries.get((case, number, structure), [])]
        if number is None and not items[0] and self.levels == "slice":
            slices = sorted(n for c, n, s in self.entries if (c, s) == (case, structure) and n is not None)
            items = [self.entries[case, n, structure] for n in slices]
        entries = [entry for item in items for entry in item]
        texts = {name: ";".join(_text(getattr(entry, name)) for entry in entries) for name in ("value", "low", "high")}
        return {
            **{name: text if text.strip(";") else "" for name, text in texts.items()},
            "unit": ";".join(dict.fromkeys(entry.unit for entry in entries)),
            "raters": max((len(item) for item in items), default=0),
            "rows": ";".join(str(entry.row) for entry in entries),
        }

    def _filled(self, store: SliceStore, level: Level) -> tuple[Estimates, list[InputError]]:
        found, problems = Estimates.unknown(len(store), store.classes), []
        for case in dict.fromkeys(case for case, _, _ in self.entries):
            index = store.rows([case])
            share, extent = image_per_slice(store, case), image_extent(store, case, whole_case=level == "volume")
            numbers = range(len(index)) if level == "slice" else [None]
            for number in numbers:
                at = index if number is None else index[number : number + 1]
                for k, structure in enumerate(store.structures, start=1):
                    if not (entries := self.entries.get((case, number, structure))):
                        continue
                    try:
                        estimate = combine(entries, extent)
                    except InputError as error:
                        problems.append(InputError(f"{self.path}: {structure} of case {case}: {error}"))
                        continue
                    found.value[at, k] = share * estimate.fraction
                    found.low[at, k] = share * estimate.low
                    found.high[at, k] = min(share * estimate.high, 1) if estimate.high <= 1 else np.nan
                least = _least(found, at[0])
                if np.nansum(least) > 1 + _SUM_TOLERANCE:
                    problems.append(self._too_large(case, number, dict(zip(store.structures, least, strict=True))))
        return found, problems

    def _too_large(self, case: str, number: int | None, least: Mapping[str, float]) -> InputError:
        about, holder = (f"case {case}", "volume") if number is None else (f"case {case}, slice {number}", "slice")
        given = {structure: size for structure, size in least.items() if size > 0}
        rows = sorted(entry.row for structure in given for entry in self.entries[case, number, structure])
        return InputError(
            f"{self.path}, row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))}: {about}: "
            f"the structures exceed the {holder}",
            expected="at most 1 in all, as a fraction of what the network sees",
            found=f"{' + '.join(f'{structure} {size:.3g}' for structure, size in given.items())}"
            + (f" = {sum(given.values()):.3g}" if len(given) > 1 else ""),
            remedy="compare values and units with the size of the image; preprocessing may have cropped it",
        )

    def _add_up(self, found: Estimates, store: SliceStore, rows: NDArray[np.integer]) -> list[InputError]:
        """Put into the rows of each case the mean of its slices, which have equally many pixels."""
        problems: list[InputError] = []
        for case in store.index["case"].iloc[rows].unique().tolist():
            index = store.rows([case])
            value, low, high = found.value[index], found.low[index], found.high[index]
            unknown = np.isnan(value) & np.isnan(low)
            problems += [
                InputError(
                    f"{self.path}: {name} of case {case} has a size on some slices only",
                    expected=f"all {len(index)} slices, as supervision.level is 'volume'",
                    found=f"none on slice {', '.join(map(str, np.flatnonzero(unknown[:, k])))}",
                    remedy="add the slices, with 0 where the structure is absent, or leave it out of the case",
                )
                for k, name in enumerate(store.structures, start=1)
                if unknown[:, k].any() and not unknown[:, k].all()
            ]
            ranged = ~np.isnan(low).all(0)
            found.low[index] = np.where(ranged, np.where(np.isnan(low), value, low).mean(0), np.nan)
            found.high[index] = np.where(ranged, np.where(np.isnan(high), value, high).mean(0), np.nan)
            found.value[index] = value.mean(0)
        return problems


def levels_of(slices: Iterable[int | None]) -> Levels:
    """Tell what rows are about from their numbers of slices: None stands for a whole case."""
    whole = {number is None for number in slices}
    return "both" if len(whole) == 2 else "volume" if True in whole else "slice"


def _least(found: Estimates, row: int) -> NDArray[np.float64]:
    """The least that each structure of a row takes up: its value or the lower end of its range, NaN if unknown."""
    value, low = found.value[row, 1:], found.low[row, 1:]
    return np.where(np.isnan(value), low, value)


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:.12g}"
