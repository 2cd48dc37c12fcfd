"""Runs against runs on the same cases: paired differences, their intervals, and whether they could be chance."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.errors import InputError
from medsize.evaluation.evaluated import Evaluated
from medsize.inference.load import trained_config
from medsize.metrics.signed_rank import SIGNIFICANCE, holm, smallest_p, wilcoxon
from medsize.metrics.statistics import Statistics, describe, paired_bootstrap
from medsize.run.cases import read_cases

COLUMNS: Final = (
    "measure",
    "structure",
    "run",
    "other",
    "cases",
    "patients",
    "undefined",
    "infinite",
    "mean_difference",
    "low",
    "high",
    "median_difference",
    "p",
    "p_holm",
)
"""Columns of ``comparison.csv``: one row a measure, structure and pair of runs. A difference is ``run`` − ``other``, of
which ``other`` was named first."""

_CASE: Final = ["case", "structure"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs compared on the cases that all of them have.

    Attributes:
        names: Of the runs, as given.
        baseline: Whether the first was compared with each other one, rather than all with all.
        measures: Compared, in the order of the tables.
        structures: Compared.
        values: The figures of the common cases: ``run, case, group, structure`` and the measures.
        statistics: By measure, structure and run.
        differences: The content of ``comparison.csv``.
        left_out: Run to its cases that another run does not have.
        settings: Dotted key to the value of each run, where the runs' configurations differ; None where not set.
        warnings: What a reader must know before believing any figure.
    """

    names: tuple[str, ...]
    baseline: bool
    measures: tuple[str, ...]
    structures: tuple[str, ...]
    values: pd.DataFrame
    statistics: dict[tuple[str, str, str], Statistics]
    differences: pd.DataFrame
    left_out: dict[str, list[str]]
    settings: dict[str, list[str | None]]
    warnings: list[str]

    @property
    def cases(self) -> int:
        """How many cases all runs have."""
        return self.values["case"].nunique()

    @property
    def patients(self) -> int:
        """Of how many patients they are."""
        return self.values["group"].nunique()

    @property
    def smallest_p(self) -> float:
        """The smallest p that so many patients allow."""
        return smallest_p(self.patients)


def compare(paths: Sequence[Path], *, baseline: bool = False) -> Comparison:
    """Compare evaluated runs, and evaluations of label files, case by case.

    Only cases that all of them have are compared, with the checkpoint and the split that are each one's headline. An
    interval is that of the mean difference over cases, from draws of whole patients. The p is that of Wilcoxon's
    signed-rank test on each patient's mean difference, for the frames of a patient are no independent proofs; it is
    corrected by Holm's procedure for all pairs of runs and all structures of a measure, not across measures.

    Args:
        paths: Run folders, or folders of evaluations; at least two.
        baseline: Compare the first with each of the others, rather than every pair.

    Raises:
        InputError: One was not evaluated, they have no case in common, or fewer than two were given.
    """
    if len(paths) < 2:
        raise InputError("nothing to compare", expected="two runs or more", found=f"{len(paths)}")
    evaluations = [Evaluated.read(path) for path in paths]
    names = _names(paths)
    tables = {name: each.headline for name, each in zip(names, evaluations, strict=True)}
    common, left_out = _common_cases(tables)
    measures, about_measures = _common_measures(evaluations)
    kept = [table[table["case"].isin(common)].assign(run=name) for name, table in tables.items()]
    structures = tuple(
        name for name in dict.fromkeys(kept[0]["structure"]) if all(name in set(t["structure"]) for t in kept)
    )
    size = "voxels_true" if all(each.of_photos for each in evaluations) else "volume_true_ml"
    values = pd.concat(kept)[["run", "case", "group", "structure", size, *measures]]
    values = values[values["structure"].isin(structures)].reset_index(drop=True)
    if values.empty:
        raise InputError(
            "these evaluations have no structure in common",
            found="; ".join(
                f"{name}: {', '.join(dict.fromkeys(table['structure']))}" for name, table in tables.items()
            ),
            remedy="compare runs for the same structures",
        )
    earlier_later = [(names[0], name) for name in names[1:]] if baseline else list(combinations(names, 2))
    pairs = [(later, earlier) for earlier, later in earlier_later]
    differences = _differences(values, measures, structures, pairs)
    return Comparison(
        names=names,
        baseline=baseline,
        measures=measures,
        structures=structures,
        values=values,
        statistics=_statistics(values, measures, structures, names),
        differences=differences,
        left_out=left_out,
        settings=_settings(evaluations),
        warnings=[
            *_about_leaks(names, evaluations, values),
            *_about_references(values, size),
            *about_measures,
            *_about_few_patients(values, len(pairs) * len(structures)),
        ],
    )


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return a name a run: its folder's, with the parent's where that is not enough, then with a number."""
    found = [path.resolve().name for path in paths]
    counts = Counter(found)
    found = [
        f"{path.resolve().parent.name}/{name}" if counts[name] > 1 else name
        for name, path in zip(found, paths, strict=True)
    ]
    counts = Counter(found)
    return tuple(
        f"{name} ({found[: place + 1].count(name)})" if counts[name] > 1 else name for place, name in enumerate(found)
    )


def _common_cases(tables: Mapping[str, pd.DataFrame]) -> tuple[set[str], dict[str, list[str]]]:
    cases = {name: set(table["case"]) for name, table in tables.items()}
    common = set.intersection(*cases.values())
    if not common:
        raise InputError(
            "these evaluations have no case in common",
            expected="runs that hold out the same cases",
            found="; ".join(f"{name}: {_some(sorted(of))}" for name, of in cases.items()),
            remedy="evaluate the same cases: train with the same split, or evaluate label files of the same names",
        )
    return common, {name: sorted(of - common) for name, of in cases.items() if of - common}


def _common_measures(evaluations: Sequence[Evaluated]) -> tuple[tuple[str, ...], list[str]]:
    first, *others = evaluations
    measures = tuple(name for name in first.measures if all(name in other.measures for other in others))
    tolerances = [each.summary.get("nsd_tolerance_mm") for each in evaluations]
    if "nsd" not in measures or all(each == tolerances[0] for each in tolerances):
        return measures, []
    said = " and ".join(dict.fromkeys(str(each) for each in tolerances))
    return (
        tuple(name for name in measures if name != "nsd"),
        [f"NSD is not compared: its tolerances differ ({said} mm). Evaluate all runs with the same."],
    )


def _statistics(
    values: pd.DataFrame, measures: Sequence[str], structures: Sequence[str], names: Sequence[str]
) -> dict[tuple[str, str, str], Statistics]:
    parts = dict(list(values.groupby(["structure", "run"], sort=False)))
    return {
        (measure, structure, run): _describe(parts[structure, run], measure)
        for measure, structure, run in product(measures, structures, names)
    }


def _describe(rows: pd.DataFrame, measure: str) -> Statistics:
    return describe(rows[measure].to_numpy(np.float64), rows["group"].to_list())


def _differences(
    values: pd.DataFrame, measures: Sequence[str], structures: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    parts = {key: rows.set_index("case") for key, rows in values.groupby(["structure", "run"], sort=False)}
    rows = []
    for measure in measures:
        of_measure = [
            {"measure": measure, "structure": structure, "run": run, "other": other}
            | _pair(parts[structure, run], parts[structure, other], measure)
            for structure in structures
            for run, other in pairs
        ]
        corrected = holm([row["p"] for row in of_measure])
        rows += [{**row, "p_holm": p} for row, p in zip(of_measure, corrected.tolist(), strict=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pair(run: pd.DataFrame, other: pd.DataFrame, measure: str) -> dict[str, Any]:
    both = run.index.intersection(other.index)
    run, other = run.loc[both], other.loc[both]
    difference = paired_differences(run[measure].to_numpy(np.float64), other[measure].to_numpy(np.float64))
    defined = ~np.isnan(difference)
    found, groups = difference[defined], run["group"].to_numpy()[defined]
    finite = np.isfinite(found)
    low, high = paired_bootstrap(found[finite], groups[finite].tolist())
    return {
        "cases": len(found),
        "patients": len(set(groups)),
        "undefined": int((~defined).sum()),
        "infinite": int((~finite).sum()),
        "mean_difference": float(found[finite].mean()) if finite.any() else float("nan"),
        "low": low,
        "high": high,
        "median_difference": float(np.median(found)) if found.size else float("nan"),
        "p": wilcoxon(_over_patients(found, groups)),
    }


def paired_differences(run: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``run − other``: 0 where both are infinite alike, NaN where one is undefined."""
    with np.errstate(invalid="ignore"):
        difference = run - other
    return np.where(np.isinf(run) & (run == other), 0.0, difference)


def _over_patients(differences: NDArray[np.float64], groups: NDArray[Any]) -> NDArray[np.float64]:
    """Return each patient's mean difference; an infinite one counts as larger than every finite one."""
    finite = differences[np.isfinite(differences)]
    largest = 2 * len(differences) * (float(np.abs(finite).max()) if finite.size else 1.0) + 1.0
    means = pd.Series(np.clip(differences, -largest, largest)).groupby(groups).mean()
    return np.asarray(means, np.float64)


def _settings(evaluations: Sequence[Evaluated]) -> dict[str, list[str | None]]:
    flat = [_flatten(trained_config(each.run).model_dump(mode="json")) if each.run else None for each in evaluations]
    keys = dict.fromkeys(key for settings in flat if settings for key in settings)
    table = {key: [None if settings is None else settings.get(key) for settings in flat] for key in keys}
    of_runs = [place for place, settings in enumerate(flat) if settings is not None]
    return {key: row for key, row in table.items() if len({row[place] for place in of_runs}) > 1}


def _flatten(settings: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(settings, Mapping) and settings:
        parts = [_flatten(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in settings.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {prefix: str(settings)}


def _about_leaks(names: Sequence[str], evaluations: Sequence[Evaluated], values: pd.DataFrame) -> list[str]:
    unknown = [name for name, each in zip(names, evaluations, strict=True) if each.run is None]
    found = []
    if unknown:
        found.append(f"Whether the patients were trained on cannot be seen from label files alone: {_some(unknown)}.")
    patients, cases = set(values["group"]), set(values["case"])
    for name, each in zip(names, evaluations, strict=True):
        trained = [case for case in read_cases(each.run) if case.split == "train"] if each.run else []
        seen = sorted({case.group for case in trained} & patients | {case.id for case in trained} & cases)
        if seen:
            found.append(
                f"{name} was trained on images of patients it is compared on here ({_some(seen)}): "
                "its figures are better than they would be on new patients."
            )
    return found


def _about_references(values: pd.DataFrame, size: str) -> list[str]:
    table = values.pivot(index=_CASE, columns="run", values=size)
    differ = (table.max(axis=1) - table.min(axis=1)) > 1e-6 * table.max(axis=1)
    cases = sorted({case for case, _ in table.index[differ]})
    what = "volumes" if size == "volume_true_ml" else "sizes"
    return [f"The references are not the same: their {what} differ in {_some(cases)}."] if cases else []


def _about_few_patients(values: pd.DataFrame, questions: int) -> list[str]:
    patients = values["group"].nunique()
    if smallest_p(patients) * questions <= SIGNIFICANCE:
        return []
    corrected = f" and corrected for {questions} comparisons" if questions > 1 else ""
    return [
        f"{patients} patient{'s are' if patients != 1 else ' is'} too few: even if all of them differed the same way, "
        f"p could not come below {min(1.0, smallest_p(patients) * questions):.2g}{corrected}. "
        "That a difference is not significant says nothing here."
    ]


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
