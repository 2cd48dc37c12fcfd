"""From an evaluation to its report."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from medsize.claim import claimed
from medsize.evaluation.clinical import clinical_indices
from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.report import figures, results, words
from medsize.evaluation.report.clinical_section import missing_indices, show_indices
from medsize.evaluation.report.photo_page import photo_page
from medsize.evaluation.report.render import render
from medsize.evaluation.report.spread_figure import Row, rows_by_group, series, spread_figure
from medsize.evaluation.scores import POSITIONS
from medsize.files import remove_abandoned, write_text
from medsize.metrics.agreement import agreement
from medsize.run_folder import RunFolder
from medsize.tables import write_table


def write(path: Path) -> Path:
    """Write ``index.html`` of an evaluation, and ``clinical.csv`` where there are clinical indices.

    Args:
        path: A run folder, or the folder of an evaluation of label files.

    Returns:
        The path of the page.

    Raises:
        InputError: There was no evaluation, a file of it (or an image it shows) cannot be read, the run has other
            weights by now, or another process is at work there.
    """
    run = RunFolder(path)
    if not run.config.is_file():
        return _write(path)
    with claimed(run.path, "report"):
        return _write(path)


def _write(path: Path) -> Path:
    evaluated = Evaluated.read(path)
    remove_abandoned(evaluated.folder, recursive=True)
    structures = tuple(evaluated.summary["structures"])
    about = {
        "name": evaluated.name,
        "words": words,
        "summary": evaluated.summary,
        "structures": structures,
        "of_photos": evaluated.of_photos,
        "checkpoints": list(dict.fromkeys(evaluated.metrics["checkpoint"])),
        **_run_sections(evaluated, structures),
    }
    if evaluated.of_photos:
        page = render("photos.html.j2", **about, **photo_page(evaluated, structures))
    else:
        page = _volumes_page(evaluated, structures, about)
    written = evaluated.folder / "index.html"
    write_text(written, page)
    return written


def _volumes_page(evaluated: Evaluated, structures: tuple[str, ...], about: dict[str, Any]) -> str:
    headline = evaluated.headline
    indices = clinical_indices(evaluated.metrics)
    of_headline = evaluated.of_headline(indices)
    if len(indices):
        write_table(evaluated.folder / "clinical.csv", indices)
    return render(
        "report.html.j2",
        **about,
        measures=evaluated.measures,
        blocks=results.blocks_of(evaluated),
        warnings=words.warnings(evaluated),
        findings=results.findings(evaluated),
        distributions=_distributions(headline, structures),
        groups={
            "Pathology": results.by_column(evaluated, "pathology"),
            "Phase": results.by_column(evaluated, "phase"),
        },
        positions=results.by_position(evaluated),
        position_figures=_position_figures(evaluated, structures),
        thirds=results.by_size(evaluated),
        size_figure=figures.dice_by_size(headline, structures) if len(headline) else None,
        volumes=_volumes(headline, structures),
        agreement=[_agreement(headline, name) for name in structures] if len(headline) else [],
        indices=show_indices(of_headline, structures),
        without_index=missing_indices(of_headline),
        table=_table(evaluated),
    )


def _run_sections(evaluated: Evaluated, structures: tuple[str, ...]) -> dict[str, Any]:
    if evaluated.run is None:
        return {"config": None}
    from medsize.evaluation.report.run_sections import run_sections  # torch: label files need not wait for it

    return run_sections(evaluated, evaluated.run, structures)


def _distributions(metrics: pd.DataFrame, structures: tuple[str, ...]) -> list[Markup]:
    defined = metrics[metrics["dice_scan"].notna()]
    parts = [(number, name, defined[defined["structure"] == name]) for number, name in enumerate(structures)]
    axis = (float(defined["dice_scan"].min()), 1.0)  # the same for every structure
    return [
        spread_figure(
            rows_by_group(part, "dice_scan", number),
            title=f"dice_scan, {name}",
            name=f"distribution-{number}",
            description=f"dice_scan of {name} in each held-out case, by phase and pathology where these are known",
            axis=axis,
        )
        for number, name, part in parts
        if len(part)
    ]


def _position_figures(evaluated: Evaluated, structures: tuple[str, ...]) -> list[Markup]:
    slices = evaluated.of_headline(evaluated.slices)
    drawn = []
    for number, structure in enumerate(structures):
        of_structure = slices[slices["structure"] == structure]
        rows = [
            Row(position, values.to_numpy(np.float64), series(number))
            for position in POSITIONS
            if len(values := of_structure.loc[of_structure["position"] == position, "dice_slice"].dropna())
        ]
        if rows:
            drawn.append(
                spread_figure(
                    rows,
                    title=f"dice_slice, {structure}",
                    name=f"position-{number}",
                    description=f"dice_slice of {structure} in each slice, by its place in the stack",
                    axis=(0.0, 1.0),
                )
            )
    return drawn


def _volumes(metrics: pd.DataFrame, structures: tuple[str, ...]) -> list[Markup]:
    if metrics.empty:
        return []
    return [figures.volume_scatter(metrics, structures), figures.volume_differences(metrics, structures)]


def _agreement(metrics: pd.DataFrame, structure: str) -> dict[str, Any]:
    """Return how predicted and true volumes of one structure agree, over the cases that have both."""
    volumes = metrics.loc[metrics["structure"] == structure, ["volume_predicted_ml", "volume_true_ml"]].dropna()
    found = agreement(volumes["volume_predicted_ml"], volumes["volume_true_ml"]) if len(volumes) else None
    return {"structure": structure, "found": found}


def _table(evaluated: Evaluated) -> list[dict[str, Any]]:
    """Return one row a case and structure with the figures of every checkpoint, worst first, undefined on top."""
    keys = ["split", "case", "phase", "pathology", "structure"]
    main = evaluated.summary.get("checkpoint") or ""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in evaluated.metrics.to_dict("records"):
        key = tuple(row[column] for column in keys)
        found = rows.setdefault(key, {**{column: row[column] for column in keys}, "dice": {}})
        found["dice"][row["checkpoint"]] = row["dice_scan"]
        if row["checkpoint"] == main:
            found["main"] = row
    return sorted(rows.values(), key=lambda row: np.nan_to_num(row["main"]["dice_scan"], nan=-1.0))
