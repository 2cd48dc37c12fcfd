"""Evaluating a run: predict its held-out cases on their own grids and compare them with their labels."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.data.case import Case
from medsize.data.grid_files import write_label
from medsize.data.prepare import of_split, prepare_slices
from medsize.data.sources import CaseList
from medsize.data.volumes import Volume, read_label, read_volume
from medsize.errors import InputError, InputErrors
from medsize.evaluation.doubt import rank_doubts
from medsize.evaluation.run_cases import read_cases
from medsize.evaluation.scores import COLUMNS, score_case
from medsize.evaluation.summary import CRF_SUFFIX, summarise
from medsize.evaluation.training_sizes import (
    TaughtSlices,
    choose_taught,
    compare_training_sizes,
    middle_rows,
    read_size_targets,
    rows_of_items,
    sample_training,
)
from medsize.files import write_text
from medsize.inference.label_values import label_values, structure_values, to_classes, to_source_values
from medsize.inference.load import Predictor
from medsize.inference.options import PredictionOptions
from medsize.run_folder import Checkpoint, RunFolder
from medsize.supervision.supervise import supervise
from medsize.supervision.table_sizes import levels_of


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        metrics: One row a checkpoint, held-out case and structure; the content of ``report/metrics.csv``.
        summary: The content of ``report/summary.json``.
    """

    metrics: pd.DataFrame
    summary: dict[str, Any]

    def describe(self) -> str:
        """Return the figures in a few lines for a terminal."""
        blocks = [self.summary, *self.summary["others"]] if len(self.metrics) else []
        lines = [line for block in blocks for line in _describe(block)]
        if not blocks:
            lines = ["no held-out case has a label: nothing can be said about accuracy"]
        if self.summary["leaks"]:
            lines.append(f"the split leaks: {', '.join(self.summary['leaks'])} on both sides")
        if self.summary["unevaluated"]:
            lines.append(f"held-out cases without a label, not evaluated: {', '.join(self.summary['unevaluated'])}")
        return "\n".join(lines)


def evaluate_run(
    run: RunFolder, *, device: str = "auto", crf: bool = False, progress: Callable[[int, int], None] | None = None
) -> Evaluation:
    """Predict every held-out case that has a label with the checkpoints ``last`` and, where there is one, ``best``.

    Written into the run folder: ``predictions/<checkpoint>/<case>.nii.gz`` on the grid of the case, and in
    ``report/`` the tables ``metrics.csv``, ``summary.json`` and ``training_sizes.csv`` (the sizes that training
    slices were given, and those that the network predicts for them), ``taught_slices.npz`` (some of these slices) and
    ``doubted_slices.npz`` (slices of the sizes that the network disagrees with most).

    With a CRF all of this is as without, and beside each checkpoint stands the same network refined by it, in rows
    (and ``predictions/``) of its own, ``last_crf`` and ``best_crf``; ``summary.json`` has its settings.

    Args:
        run: A run with at least the checkpoint ``last``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        crf: Whether to also measure the predictions as refined by ``inference.crf`` of the run's configuration.
        progress: Called with the number of cases done and of all.

    Raises:
        InputError: The run, its checkpoint or the device cannot be used.
        InputErrors: Held-out images or labels cannot be used; all of them are listed.
    """
    config = load_resolved(run.config)
    cases = read_cases(run)
    held_out = [case for case in of_split(cases, "val", "test") if case.label is not None]
    checkpoints: list[Checkpoint] = ["last"]
    checkpoints += ["best"] if run.weights("best").is_file() else []
    predictors = {str(name): Predictor.load(run, name, device) for name in checkpoints}
    if crf:
        refined = PredictionOptions(crf=True)
        predictors |= {f"{name}{CRF_SUFFIX}": predictor.with_options(refined) for name, predictor in predictors.items()}
    metrics = _evaluate_cases(run, held_out, predictors, label_values(config.data), progress)
    values = structure_values(config.data)
    summary = summarise(metrics, run, cases, config.data.split, values)
    if crf:
        summary["crf"] = config.inference.crf.model_dump(mode="json")
    _look_at_training(run, config, cases, predictors["last"])
    write_text(run.report / "metrics.csv", metrics.to_csv(index=False))
    write_text(run.report / "summary.json", json.dumps(summary, indent=2, allow_nan=False))
    return Evaluation(metrics, summary)


def _evaluate_cases(
    run: RunFolder,
    cases: Sequence[Case],
    predictors: dict[str, Predictor],
    labels: dict[str, int],
    progress: Callable[[int, int], None] | None,
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    problems: list[InputError] = []
    for done, case in enumerate(cases):
        if progress:
            progress(done, len(cases))
        try:
            image = read_volume(case.image)
            truth = _read_truth(case, image, labels)
            for name, predictor in predictors.items():
                rows += _evaluate_case(run, case, image, truth, name, predictor)
        except InputError as error:
            problems.append(InputError(f"case {case.id}: {error}"))
    if progress:
        progress(len(cases), len(cases))
    if problems:
        raise InputErrors(problems)
    order = list(predictors)
    rows.sort(key=lambda row: order.index(row["checkpoint"]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _read_truth(case: Case, image: Volume, labels: dict[str, int]) -> NDArray[np.uint8]:
    assert case.label is not None
    return read_label(case.label, image, tuple(labels.values())).array


def _evaluate_case(
    run: RunFolder, case: Case, image: Volume, truth: NDArray[np.uint8], checkpoint: str, predictor: Predictor
) -> list[dict[str, Any]]:
    predicted = predictor.predict(image)
    path = run.predictions / checkpoint / f"{case.id}.nii.gz"
    write_label(path, to_source_values(predicted, predictor.values), like=case.image)
    about = {"checkpoint": checkpoint, "split": case.split, "case": case.id, "group": case.group}
    about |= {"phase": case.phase or "", "pathology": case.pathology or ""}
    scores = score_case(predicted, to_classes(truth, predictor.values), tuple(predictor.values), image.voxel_ml)
    return [about | asdict(score) for score in scores]


def _look_at_training(run: RunFolder, config: RunConfig, cases: list[Case], predictor: Predictor) -> None:
    found = CaseList(cases, label_values(config.data), tuple(structure_values(config.data)))
    store = prepare_slices(config.data, found)
    rows = store.rows(case.id for case in of_split(cases, "train"))
    targets = read_size_targets(run)
    level = levels_of(None if of_case else 0 for of_case in targets["slice"].isna())
    # What people gave is compared to the last row: it is for finding their slips, not for a scatter alone.
    sample = rows if "rows" in targets else sample_training(store, rows, level)
    sizes = compare_training_sizes(predictor, store, sample, targets, level)
    write_text(run.report / "training_sizes.csv", sizes.to_csv(index=False))
    seeds = supervise(
        config.supervision,
        store,
        rows,
        needs=frozenset({"seeds"}) & config.objective.build().targets,
        seed=config.training.seed,
        labels=found.labels,
    ).seeds
    slices = sizes[sizes["slice"].notna()] if level == "both" else sizes
    candidates = middle_rows(store, sample) if level == "volume" else sample
    shown = choose_taught(candidates, slices, 2 * config.evaluation.overlays)
    TaughtSlices.collect(predictor, store, shown, seeds).write(run.report / "taught_slices.npz")
    doubted = rows_of_items(store, rank_doubts(sizes).head(2 * config.evaluation.overlays))
    TaughtSlices.collect(predictor, store, doubted, seeds).write(run.report / "doubted_slices.npz")


def _describe(block: dict[str, Any]) -> list[str]:
    chosen = " (chosen on these cases)" if block["chosen_on_these_cases"] else ""
    lines = []
    for name, figures in block["aggregates"].items():
        where = f"dice_scan {name}, checkpoint {block['checkpoint']}, {figures['cases']} {block['split']} cases{chosen}"
        undefined = f", undefined in {len(figures['undefined'])}" if figures["undefined"] else ""
        if figures["mean"] is None:
            lines.append(f"{where}: undefined in all")
        else:
            lines.append(f"{where}: mean {figures['mean']:.3f}, median {figures['median']:.3f}{undefined}")
    return lines
