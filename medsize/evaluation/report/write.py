"""From a run folder to its report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medsize import __version__
from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.evaluation.doubt import corrections, in_words, rank_doubts, read_training_sizes
from medsize.evaluation.report import figures, words
from medsize.evaluation.report.held_out import RANKS, ShownCase, choose_cases, show_case
from medsize.evaluation.report.history import History
from medsize.evaluation.report.taught import show_taught
from medsize.evaluation.run_cases import read_cases
from medsize.evaluation.summary import read_summary
from medsize.evaluation.training_sizes import TaughtSlices
from medsize.files import write_text
from medsize.inference.label_values import structure_values
from medsize.run_folder import RunFolder

_MOST_DOUBTS = 15
_TEXT_COLUMNS = ("checkpoint", "split", "case", "group", "phase", "pathology", "structure")


def write(run: RunFolder) -> Path:
    """Write ``report/index.html`` of an evaluated run: one file that needs nothing else and asks for nothing.

    Returns:
        Its path.

    Raises:
        InputError: The run was not evaluated, or a file of it (or an image it shows) cannot be read.
    """
    config = load_resolved(run.config)
    metrics = _read_csv(run.report / "metrics.csv", dict.fromkeys(_TEXT_COLUMNS, "str"))
    summary = read_summary(run.report / "summary.json")
    sizes = read_training_sizes(run)
    headline = metrics[metrics["checkpoint"] == "last"]
    headline = headline[headline["split"] == summary.get("split", "")]
    structures = tuple(structure_values(config.data))
    history = History.read(run, structures)
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            version=__version__,
            run=run.path.resolve().name,
            config=config,
            config_text=run.config.read_text(encoding="utf-8"),
            words=words,
            summary=summary,
            blocks=[summary, *summary["others"]] if len(metrics) else [],
            structures=structures,
            split_cases=_count_cases(run),
            split_names={"train": "training", "val": "validation", "test": "test"},
            warnings=words.warnings(summary),
            history=history,
            curves=_curves(history, structures),
            distributions=_distributions(headline, structures),
            shown=_shown(run, config, headline),
            volumes=_volumes(headline, structures),
            agreement=[_agreement(headline, name) for name in structures] if len(headline) else [],
            taught=show_taught(TaughtSlices.read(run.report / "taught_slices.npz"), sizes),
            of=words.level_words(sizes),
            sizes=_size_scatters(sizes, structures, words.level_words(sizes)),
            corrections=corrections(sizes).to_dict("records"),
            doubts=_doubts(run, config, sizes),
            slices_compared=len(sizes.drop_duplicates(["case", "slice"])),
            supervision=_read_json(run.supervision),
            environment=_read_json(run.environment),
            table=_table(metrics),
            checkpoints=list(dict.fromkeys(metrics["checkpoint"])),
        )
    )
    path = run.report / "index.html"
    write_text(path, page)
    return path


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("medsize.evaluation.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "percent": _percent, "times100": _times100}
    environment.globals["include_text"] = lambda name: Markup(
        environment.loader.get_source(environment, name)[0] if environment.loader else ""
    )
    return environment


def _figure(value: float | None, decimals: int = 3) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.{decimals}f}".replace("-", "−")


def _percent(value: float | None, decimals: int = 1) -> str:
    return "–" if value is None or np.isnan(value) else f"{100 * value:.{decimals}f}\N{NO-BREAK SPACE}%"


def _times100(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"


def _read_csv(path: Path, dtype: dict[str, str]) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pd.read_csv(path, dtype=dtype)
        if missing := [column for column in dtype if column not in table.columns]:
            raise ValueError(f"no column {', '.join(missing)}")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read", found=str(error), remedy="evaluate the run first: medsize evaluate RUN"
        ) from error
    return table.fillna(dict.fromkeys(dtype, ""))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read", found=str(error), remedy="copy the run folder again") from error


def _count_cases(run: RunFolder) -> dict[str, int]:
    return dict(pd.Series([case.split for case in read_cases(run)]).value_counts())


def _curves(history: History, structures: tuple[str, ...]) -> list[Markup]:
    curves = [figures.loss_curves(history.epochs, history.parts)] if len(history.epochs) else []
    if len(history.validations):
        curves.append(figures.validation_curves(history.validations, structures, history.best_epoch))
    return curves


def _distributions(metrics: pd.DataFrame, structures: tuple[str, ...]) -> list[Markup]:
    defined = metrics[metrics["dice_scan"].notna()]
    parts = [(number, name, defined[defined["structure"] == name]) for number, name in enumerate(structures)]
    left = float(defined["dice_scan"].min()) - 0.02  # the same axis for every structure
    return [figures.distribution(part, name, number, left=left) for number, name, part in parts if len(part)]


def _shown(run: RunFolder, config: RunConfig, metrics: pd.DataFrame) -> dict[str, list[ShownCase]]:
    chosen = choose_cases(metrics, config.evaluation.overlays)
    cases = {case.id: case for case in read_cases(run)}
    values = structure_values(config.data)
    return {
        rank: [
            show_case(run, config, cases[name], values, metrics[metrics["case"] == name], worst=rank == "worst")
            for name in chosen[rank]
        ]
        for rank in RANKS
    }


def _volumes(metrics: pd.DataFrame, structures: tuple[str, ...]) -> list[Markup]:
    if not len(metrics):
        return []
    return [figures.volume_scatter(metrics, structures), figures.volume_differences(metrics, structures)]


def _agreement(metrics: pd.DataFrame, structure: str) -> dict[str, Any]:
    """Return bias and limits of agreement of the volumes in mL (Bland and Altman, Lancet 1986)."""
    rows = metrics[metrics["structure"] == structure]
    difference = (rows["volume_predicted_ml"] - rows["volume_true_ml"]).to_numpy(np.float64)
    spread = 1.96 * difference.std(ddof=1) if len(difference) > 1 else float("nan")
    return {
        "structure": structure,
        "cases": len(rows),
        "true": float(rows["volume_true_ml"].mean()),
        "bias": float(difference.mean()),
        "low": float(difference.mean() - spread),
        "high": float(difference.mean() + spread),
        "absolute": float(np.abs(difference).mean()),
    }


def _size_scatters(sizes: pd.DataFrame, structures: tuple[str, ...], of: str) -> list[Markup]:
    kinds = [("exact", "given"), ("given", "predicted")] if sizes["given_fraction"].notna().any() else []
    kinds = [pair for pair in kinds if sizes[f"{pair[0]}_fraction"].notna().any()] or [("exact", "predicted")]
    return [
        figures.size_scatter(sizes, structures, x=f"{x}_fraction", y=f"{y}_fraction", name=f"sizes-{x}-{y}", of=of)
        for x, y in kinds
        if sizes[f"{x}_fraction"].notna().any()
    ]


def _doubts(run: RunFolder, config: RunConfig, sizes: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the given sizes to doubt, the first ones with a picture; none where sizes were measured on masks."""
    if config.supervision.sizes.kind not in ("table", "noisy"):
        return []
    ranked = rank_doubts(sizes).head(_MOST_DOUBTS).to_dict("records")
    if not ranked:
        return []
    pictures = [shown.overlay for shown in show_taught(TaughtSlices.read(run.report / "doubted_slices.npz"), sizes)]
    return [
        {str(name): value for name, value in row.items()}
        | in_words(row)
        | {
            "slice": None if pd.isna(row["slice"]) else int(row["slice"]),
            "overlay": pictures[place] if place < len(pictures) else None,
        }
        for place, row in enumerate(ranked)
    ]


def _table(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row a case and structure with the figures of every checkpoint, worst first, undefined on top."""
    keys = ["split", "case", "phase", "pathology", "structure"]
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in metrics.to_dict("records"):
        key = tuple(row[column] for column in keys)
        rows.setdefault(key, {column: row[column] for column in keys})[row["checkpoint"]] = row
    return sorted(rows.values(), key=lambda row: np.nan_to_num(row["last"]["dice_scan"], nan=-1.0))
