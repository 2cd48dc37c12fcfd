"""From a comparison to its page and its tables."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from medsize.evaluation.compare import Comparison
from medsize.evaluation.comparison_text import p_words
from medsize.evaluation.report import words
from medsize.evaluation.report.render import render
from medsize.evaluation.report.spread_figure import Row, series, spread_figure
from medsize.files import write_text
from medsize.metrics.measures import MEASURES
from medsize.metrics.signed_rank import SIGNIFICANCE
from medsize.tables import write_table

_DRAWN: Final = ("dice_scan", "hd95_mm", "volume_error_percent")


def write(comparison: Comparison, folder: Path) -> Path:
    """Write ``comparison.csv``, ``comparison.json`` and ``index.html``.

    Returns:
        The path of the page.

    Raises:
        InputError: The folder cannot be written to.
    """
    page = render(
        "comparison.html.j2",
        comparison=comparison,
        words=words,
        p_words=p_words,
        significance=SIGNIFICANCE,
        rows=comparison.differences.to_dict("records"),
        figures={measure: _figures(comparison, measure) for measure in _DRAWN if measure in comparison.measures},
        cases=_cases(comparison),
    )
    write_table(folder / "comparison.csv", comparison.differences)
    write_text(folder / "comparison.json", json.dumps(_record(comparison), indent=2, ensure_ascii=False))
    path = folder / "index.html"
    write_text(path, page)
    return path


def _figures(comparison: Comparison, measure: str) -> list[Markup]:
    """Draw one figure a structure, all runs in it one below the other, on one axis."""
    values = comparison.values[measure].to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return []
    axis = (float(finite.min()), float(finite.max()))
    drawn = []
    for place, structure in enumerate(comparison.structures):
        of_structure = comparison.values[comparison.values["structure"] == structure]
        rows = []
        for number, run in enumerate(comparison.names):
            found = comparison.statistics[measure, structure, run]
            of_run = of_structure.loc[of_structure["run"] == run, measure].dropna().to_numpy(np.float64)
            rows.append(Row(run, of_run, series(number), (found.low, found.mean, found.high)))
        drawn.append(
            spread_figure(
                rows,
                title=f"{MEASURES[measure].title}, {structure}",
                name=f"{measure.replace('_', '-')}-{place}",
                description=f"{MEASURES[measure].title} of {structure} in every case, by each run",
                axis=axis,
            )
        )
    return drawn


def _cases(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one row a case and structure with every run's Dice, most different first."""
    table = comparison.values.pivot(index=["case", "structure"], columns="run", values="dice_scan").reset_index()
    rows = [
        {"case": row["case"], "structure": row["structure"], "dice": {name: row[name] for name in comparison.names}}
        for row in table.to_dict("records")
    ]
    return sorted(rows, key=lambda row: -_range(list(row["dice"].values())))


def _range(values: list[float]) -> float:
    return 2.0 if any(map(math.isnan, values)) else max(values) - min(values)


def _record(comparison: Comparison) -> dict[str, Any]:
    record = {
        "runs": comparison.names,
        "against": comparison.names[0] if comparison.baseline else "each other",
        "cases": comparison.cases,
        "patients": comparison.patients,
        "left_out": comparison.left_out,
        "statistics": [
            {"measure": measure, "structure": structure, "run": run, **asdict(found)}
            for (measure, structure, run), found in comparison.statistics.items()
        ],
        "differences": comparison.differences.to_dict("records"),
        "settings": comparison.settings,
        "warnings": comparison.warnings,
        "rules": {
            "difference": "run − other on the same case; mean and interval over cases whose difference is finite",
            "interval": "95 %, from draws of whole patients",
            "p": "Wilcoxon's signed-rank test, two-sided, on each patient's mean difference",
            "p_holm": "corrected by Holm over the pairs of runs and the structures of a measure",
        },
    }
    return {name: _as_json(value) for name, value in record.items()}


def _as_json(value: Any) -> Any:
    """Return JSON values: null for NaN, and as text what is infinite."""
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
