"""The figures of an evaluation, whole and in parts: by group, by place in the stack, by size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.scores import POSITIONS
from medsize.metrics.statistics import Statistics, describe

_FEWEST_FOR_TERTILES = 6


@dataclass(frozen=True, slots=True)
class Block:
    """One checkpoint on one split.

    Attributes:
        checkpoint: Its name.
        split: Its name.
        chosen: Whether the checkpoint was chosen on these very cases.
        cases: How many.
        patients: Of how many patients.
        figures: Structure to measure to statistics.
        worst: Structure to its smallest ``dice_scan``.
        undefined: Structure to the cases whose ``dice_scan`` is undefined.
    """

    checkpoint: str
    split: str
    chosen: bool
    cases: int
    patients: int
    figures: dict[str, dict[str, Statistics]]
    worst: dict[str, float]
    undefined: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the values of one structure.

    Attributes:
        structure: Its name.
        name: Of the part.
        patients: Of how many patients.
        figures: Measure to statistics.
        missed: Slices that hold the structure where nothing was predicted; of parts by position alone.
        invented: Slices without the structure where something was predicted; likewise.
    """

    structure: str
    name: str
    patients: int
    figures: dict[str, Statistics]
    missed: int = 0
    invented: int = 0


def blocks_of(evaluated: Evaluated) -> list[Block]:
    """Return every checkpoint and split, the headline first and with all measures, the others with Dice alone."""
    if evaluated.metrics.empty:
        return []
    found = []
    for place, block in enumerate([evaluated.summary, *evaluated.summary.get("others", [])]):
        checkpoint, split = block.get("checkpoint") or "", block.get("split") or ""
        rows, slices = (
            table[(table["checkpoint"] == checkpoint) & (table["split"] == split)]
            for table in (evaluated.metrics, evaluated.slices)
        )
        measures = evaluated.measures if place == 0 else ("dice_scan", "dice_slice")
        parts = {str(name): part for name, part in rows.groupby("structure", sort=False)}
        found.append(
            Block(
                checkpoint=checkpoint,
                split=split,
                chosen=bool(block.get("chosen_on_these_cases", False)),
                cases=rows["case"].nunique(),
                patients=rows["group"].nunique(),
                figures={
                    name: statistics(part, measures, _with_groups(slices[slices["structure"] == name], rows))
                    for name, part in parts.items()
                },
                worst={name: float(part["dice_scan"].min()) for name, part in parts.items()},
                undefined={name: part.loc[part["dice_scan"].isna(), "case"].to_list() for name, part in parts.items()},
            )
        )
    return found


def statistics(rows: pd.DataFrame, measures: Iterable[str], slices: pd.DataFrame) -> dict[str, Statistics]:
    """Summarise measures of one structure: over cases, and ``dice_slice``, as its rule says, over slices."""
    sources = {name: slices if name == "dice_slice" else rows for name in measures}
    return {
        name: describe(source[name].to_numpy(np.float64), source["group"].to_list()) for name, source in sources.items()
    }


def by_column(evaluated: Evaluated, column: str) -> list[Part]:
    """Divide the headline's cases by a column of ``metrics.csv``; nothing where it does not tell them apart."""
    rows = evaluated.headline
    if rows[column].nunique() < 2:
        return []
    return [
        _part(evaluated, part, str(structure), str(name) or "not known")
        for structure, of_structure in rows.groupby("structure", sort=False)
        for name, part in of_structure.groupby(column)
    ]


def by_size(evaluated: Evaluated) -> list[Part]:
    """Divide the headline's cases by thirds of the true volume, with the limits in the names; per structure."""
    parts = []
    for structure, rows in evaluated.headline.groupby("structure", sort=False):
        volumes = rows["volume_true_ml"]
        present = rows[volumes > 0]
        if len(present) < _FEWEST_FOR_TERTILES:
            continue
        first, second = np.quantile(present["volume_true_ml"], (1 / 3, 2 / 3))
        thirds = {
            f"small: up to {first:.3g} mL": volumes.between(0, first, inclusive="right"),
            f"medium: {first:.3g} to {second:.3g} mL": volumes.between(first, second, inclusive="right"),
            f"large: above {second:.3g} mL": volumes > second,
            "not in the reference": volumes == 0,
        }
        parts += [
            _part(evaluated, rows[chosen], str(structure), name) for name, chosen in thirds.items() if chosen.any()
        ]
    return parts


def by_position(evaluated: Evaluated) -> list[Part]:
    """Divide the headline's slices by where they lie: base, mid, apex, or outside of the reference."""
    slices = _with_groups(evaluated.of_headline(evaluated.slices), evaluated.headline)
    parts = []
    for structure, of_structure in slices.groupby("structure", sort=False):
        for position in POSITIONS:
            rows = of_structure[of_structure["position"] == position]
            if len(rows):
                predicted, true = rows["voxels_predicted"] > 0, rows["voxels_true"] > 0
                parts.append(
                    Part(
                        structure=str(structure),
                        name=position,
                        patients=rows["group"].nunique(),
                        figures=statistics(rows, ("dice_slice",), rows),
                        missed=int((true & ~predicted).sum()),
                        invented=int((predicted & ~true).sum()),
                    )
                )
    return parts


@dataclass(frozen=True, slots=True)
class Finding:
    """Cases with something that a mean would hide.

    Attributes:
        what: ``failed``, ``undefined`` or ``infinite``.
        about: The reason of a failure, else the measure.
        structure: Its name; empty where it concerns all.
        checkpoint: Its name.
        cases: Ids.
    """

    what: str
    about: str
    structure: str
    checkpoint: str
    cases: tuple[str, ...]


def findings(evaluated: Evaluated) -> list[Finding]:
    """List every failed case and every undefined or infinite figure, of every checkpoint and split."""
    return [*failures(evaluated.metrics), *_not_finite(evaluated)]


def failures(metrics: pd.DataFrame) -> list[Finding]:
    """List the failed cases of every checkpoint by their reasons."""
    failed = metrics[metrics["failure"] != ""]
    return [
        Finding("failed", str(reason), "", str(checkpoint), tuple(rows["case"].unique().tolist()))
        for (checkpoint, reason), rows in failed.groupby(["checkpoint", "failure"], sort=False)
    ]


def _not_finite(evaluated: Evaluated) -> Iterator[Finding]:
    metrics = evaluated.metrics
    for (checkpoint, structure), rows in metrics.groupby(["checkpoint", "structure"], sort=False):
        for measure in evaluated.measures:
            values = rows[measure].to_numpy(np.float64)
            for what, chosen in (("undefined", np.isnan(values)), ("infinite", np.isinf(values))):
                if chosen.any():
                    cases = tuple(rows["case"].to_numpy()[chosen].tolist())
                    yield Finding(what, measure, str(structure), str(checkpoint), cases)


def _part(evaluated: Evaluated, rows: pd.DataFrame, structure: str, name: str) -> Part:
    measures = [
        measure for measure in ("dice_scan", "hd95_mm", "volume_error_percent") if measure in evaluated.measures
    ]
    return Part(structure, name, rows["group"].nunique(), statistics(rows, measures, rows))


def _with_groups(slices: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.drop_duplicates("case").set_index("case")["group"]
    return slices.assign(group=slices["case"].map(groups))
