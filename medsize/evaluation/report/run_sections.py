"""The parts of a report that only a run can tell: how it was trained, what it was taught, which cases look how."""

from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from medsize.config.run import RunConfig
from medsize.evaluation.doubt import corrections, in_words, rank_doubts, read_training_sizes
from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.report import figures, words
from medsize.evaluation.report.held_out import RANKS, ShownCase, choose_cases, show_case
from medsize.evaluation.report.history import History
from medsize.evaluation.report.photo_cases import ShownPhoto, show_photo
from medsize.evaluation.report.photo_page import ranked_by
from medsize.evaluation.report.taught import show_taught
from medsize.evaluation.seal import sealed
from medsize.evaluation.training_sizes import TaughtSlices
from medsize.inference.label_values import structure_values
from medsize.inference.load import trained_config
from medsize.run.cases import read_cases
from medsize.run.notes import read_notes
from medsize.run_folder import RunFolder

_MOST_DOUBTS: Final = 15
_TOLD: Final = ("seed_pixels", "pseudo_labels", "nominal_noise", "measured_noise")


def run_sections(evaluated: Evaluated, run: RunFolder, structures: tuple[str, ...]) -> dict[str, Any]:
    """Return the template's values about the run.

    Raises:
        InputError: A file of the run, or an image it shows, cannot be read.
    """
    config = trained_config(run)
    sizes = read_training_sizes(run)
    history = History.read(run, structures)
    of = "photo" if evaluated.of_photos else words.level_words(sizes)
    return {
        "config": config,
        "config_text": run.config.read_text(encoding="utf-8"),
        "split_cases": dict(pd.Series([case.split for case in read_cases(run)]).value_counts()),
        "history": history,
        "curves": _curves(history, structures),
        "shown": _shown_photos(run, config, evaluated)
        if evaluated.of_photos
        else _shown(run, config, evaluated.headline),
        "taught": show_taught(TaughtSlices.read(sealed(run.report, run.report / "taught_slices.npz")), sizes),
        "of": of,
        "sizes": _size_scatters(sizes, structures, of),
        "corrections": corrections(sizes).to_dict("records"),
        "doubts": _doubts(run, config, sizes),
        "slices_compared": len(sizes.drop_duplicates(["case", "slice"])),
        "supervision": {**dict.fromkeys(_TOLD), **read_notes(run.supervision)},
        "environment": read_notes(run.environment),
    }


def _curves(history: History, structures: tuple[str, ...]) -> list[Markup]:
    curves = [figures.loss_curves(history.epochs, history.parts, history.stages)] if len(history.epochs) else []
    if len(history.validations):
        curves.append(figures.validation_curves(history.validations, structures, history.best_epoch))
    return curves


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


def _shown_photos(run: RunFolder, config: RunConfig, evaluated: Evaluated) -> dict[str, list[ShownPhoto]]:
    metrics, measure = evaluated.headline, ranked_by(evaluated)
    chosen = choose_cases(metrics, config.evaluation.overlays, measure)
    cases = {case.id: case for case in read_cases(run)}
    values = structure_values(config.data)
    return {
        rank: [
            show_photo(run, config, cases[name], values, metrics[metrics["case"] == name], measure)
            for name in chosen[rank]
        ]
        for rank in RANKS
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
    doubted = TaughtSlices.read(sealed(run.report, run.report / "doubted_slices.npz"))
    pictures = [shown.overlay for shown in show_taught(doubted, sizes)]
    return [
        {str(name): value for name, value in row.items()}
        | in_words(row, plane="photo" if config.data.preprocessing.name == "photo" else "slice")
        | {
            "slice": None if pd.isna(row["slice"]) else int(row["slice"]),
            "overlay": pictures[place] if place < len(pictures) else None,
        }
        for place, row in enumerate(ranked)
    ]
