"""What is wrong, or strange, in a table of sizes."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from medsize.data.case import Case
from medsize.data.formats import Grid
from medsize.errors import InputError
from medsize.supervision.size_table.combine import Estimate, combine
from medsize.supervision.size_table.entry import SizeEntry
from medsize.supervision.size_table.extent import ROUNDING
from medsize.supervision.size_table.known import KnownData, extent_of, extents_of
from medsize.supervision.size_table.outliers import Item, find_outliers
from medsize.supervision.size_table.read import SizeTable

Severity = Literal["error", "warning"]

DISAGREEMENT: Final = 2.0
"""Raters whose values differ by more than this factor are told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at.

    Attributes:
        severity: An ``error`` keeps the table from being used.
        row: In the file; None if it is not about one row.
        about: Case, slice and structure as written, as far as known.
        message: What, and what to do.
    """

    severity: Severity
    row: int | None
    about: str
    message: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a table says about one structure.

    Attributes:
        cases: Cases that have a size of the whole case.
        slices: Slices that have a size.
        share: Cases with any size, of all cases of the data.
        absent: Items (cases or slices) of size 0.
        ranges: Items with a range.
        several_raters: Items with more than one row.
        median_spread: Median over those of ``(largest − smallest) / mean``; NaN without any.
        largest_spread: The largest.
    """

    cases: int
    slices: int
    share: float
    absent: int
    ranges: int
    several_raters: int
    median_spread: float
    largest_spread: float


@dataclass(frozen=True, slots=True)
class Check:
    """All that a check has found.

    Attributes:
        findings: Errors first, each kind in the order of the rows.
        structures: What the table says about each structure.
        raters: Number of rows of each rater; those without a name under ``""``.
        rows: Number of rows with a size.
        blank: Number of rows without.
    """

    findings: list[Finding]
    structures: dict[str, Coverage]
    raters: dict[str, int]
    rows: int
    blank: int

    def of(self, severity: Severity) -> list[Finding]:
        """Return the errors or the warnings."""
        return [finding for finding in self.findings if finding.severity == severity]


def check_size_table(
    table: SizeTable, cases: Sequence[Case], grids: Mapping[str, Grid], structures: Sequence[str]
) -> Check:
    """Check a table against the data it is about.

    Errors are rows that cannot be read, names that the data does not have, slices out of range, units that do not
    suit, sizes beyond the image, and structures that together exceed it. Warnings are sizes that
    :func:`~medsize.supervision.size_table.outliers.find_outliers` finds far from others; raters who disagree by more
    than a factor of :data:`DISAGREEMENT`; one rater twice; columns and sheets that are not read; and hidden rows.

    Args:
        table: As :func:`~medsize.supervision.size_table.parse_size_table` reads it.
        cases: The cases of the data.
        grids: How large their images are, by id.
        structures: Names of the structures of the data.
    """
    findings = [Finding("error", row, "", _line(error)) for row, error in table.problems]
    items: dict[Item, list[SizeEntry]] = defaultdict(list)
    data = KnownData.of_grids(grids, structures)
    for entry in table.entries:
        try:
            known = data.entry(entry)
        except InputError as error:
            findings.append(_finding("error", entry, _line(error)))
            continue
        items[known.case, known.slice, known.structure].append(known)
    estimates: dict[Item, Estimate] = {}
    for item, entries in items.items():
        extent = extent_of(grids[item[0]], whole_case=item[1] is None)
        singles: list[Estimate] = []
        for entry in entries:
            try:
                singles.append(combine([entry], extent))
            except InputError as error:
                findings.append(_finding("error", entry, _line(error).removeprefix(f"row {entry.row}: ")))
        if len(singles) == len(entries):
            estimates[item] = combine(entries, extent) if len(entries) > 1 else singles[0]
            findings += _disagreements(entries, [single.fraction for single in singles])
    findings += _too_much(items, estimates)
    for item, message in find_outliers(estimates, {case.id: case for case in cases}, extents_of(grids)):
        findings.append(_finding("warning", items[item][0], f"{message}; check the number and its unit"))
    findings += [Finding("warning", None, "", note) for note in table.notes]
    if table.others:
        findings.append(Finding("warning", None, "", f"columns that are not read: {', '.join(table.others)}"))
    if not table.entries and not table.problems:
        findings.append(Finding("error", None, "", f"no row gives a size; {table.blank} are blank"))
    findings.sort(key=lambda finding: (finding.severity, finding.row is None, finding.row or 0))
    raters: dict[str, int] = defaultdict(int)
    for entry in table.entries:
        raters[entry.rater] += 1
    coverage = {structure: found for structure in structures if (found := _coverage(structure, estimates, len(cases)))}
    return Check(findings, coverage, dict(raters), len(table.entries), table.blank)


def _disagreements(entries: Sequence[SizeEntry], fractions: Sequence[float]) -> Iterable[Finding]:
    seen: dict[str, int] = {}
    for entry in entries:
        if entry.rater in seen:
            who = entry.rater or "a rater without a name"
            yield _finding("warning", entry, f"a second row of {who}; the first is row {seen[entry.rater]}")
        seen.setdefault(entry.rater, entry.row)
    values = [fraction for fraction in fractions if not math.isnan(fraction)]
    if len(values) > 1 and max(values) > DISAGREEMENT * min(values):
        told = (
            f"{entry.value:g} {entry.unit} ({entry.rater or 'no name'})" for entry in entries if entry.value is not None
        )
        yield _finding("warning", entries[-1], f"raters disagree: {', '.join(told)}")


def _too_much(items: Mapping[Item, Sequence[SizeEntry]], estimates: Mapping[Item, Estimate]) -> Iterable[Finding]:
    totals: dict[tuple[str, int | None], float] = defaultdict(float)
    last: dict[tuple[str, int | None], SizeEntry] = {}
    for item, estimate in estimates.items():
        totals[item[:2]] += estimate.low if math.isnan(estimate.fraction) else estimate.fraction
        last[item[:2]] = items[item][-1]
    for key, total in totals.items():
        if total > 1 + ROUNDING:
            yield _finding("error", last[key], f"all structures together are {total:.0%} of the image")


def _coverage(structure: str, estimates: Mapping[Item, Estimate], cases: int) -> Coverage | None:
    mine = {item: estimate for item, estimate in estimates.items() if item[2] == structure}
    if not mine:
        return None
    spreads = [estimate.spread for estimate in mine.values() if estimate.raters > 1]
    return Coverage(
        cases=sum(number is None for _, number, _ in mine),
        slices=sum(number is not None for _, number, _ in mine),
        share=len({case for case, _, _ in mine}) / cases,
        absent=sum(estimate.fraction == 0 for estimate in mine.values()),
        ranges=sum(not math.isnan(estimate.low) for estimate in mine.values()),
        several_raters=len(spreads),
        median_spread=float(np.median(spreads)) if spreads else math.nan,
        largest_spread=max(spreads, default=math.nan),
    )


def _finding(severity: Severity, entry: SizeEntry, message: str) -> Finding:
    place = entry.case if entry.slice is None else f"{entry.case}, slice {entry.slice}"
    return Finding(severity, entry.row, f"{place}: {entry.structure}", message)


def _line(error: InputError) -> str:
    """A message in one line."""
    first, *rest = (" ".join(line.split()) for line in str(error).splitlines())
    return f"{first} ({'; '.join(rest)})" if rest else first
