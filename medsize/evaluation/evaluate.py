"""Evaluating a run: predict its held-out cases on their own grids and compare them with their labels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.data.case import Case
from medsize.data.grid_files import write_label
from medsize.data.prepare import of_split, prepare_slices
from medsize.data.sources import CaseList
from medsize.data.splits import held_out_leaks
from medsize.data.volumes import read_label, read_volume
from medsize.errors import InputError, InputErrors
from medsize.evaluation.conclude import Scored, conclude
from medsize.evaluation.doubt import rank_doubts
from medsize.evaluation.label_pair import label_of, read_instances
from medsize.evaluation.photo_scores import PhotoScore, score_photo
from medsize.evaluation.processes import FEWEST_CASES, in_processes
from medsize.evaluation.result import Evaluation
from medsize.evaluation.run_cases import read_cases
from medsize.evaluation.scored_case import ScoredCase
from medsize.evaluation.scores import CaseScore, score_case
from medsize.evaluation.summary import Files
from medsize.evaluation.tolerance import tolerances_of
from medsize.evaluation.training_sizes import (
    TaughtSlices,
    choose_taught,
    compare_training_sizes,
    middle_rows,
    read_size_targets,
    rows_of_items,
    sample_training,
)
from medsize.evaluation.versions import versions
from medsize.evaluation.while_learning import read_sizes_while_learning
from medsize.files import write_text
from medsize.inference.label_values import label_values, structure_values, to_source_values
from medsize.inference.load import Predictor
from medsize.inference.options import NETWORK_ALONE, PredictionOptions
from medsize.run_folder import Checkpoint, RunFolder
from medsize.supervision.supervise import supervise
from medsize.supervision.table_sizes import levels_of


def evaluate_run(
    run: RunFolder,
    *,
    device: str = "auto",
    options: PredictionOptions = NETWORK_ALONE,
    nsd_tolerance_mm: float | Mapping[str, float] | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Predict every held-out case that has a label with the checkpoints ``last`` and, where there is one, ``best``.

    Written into the run folder: ``predictions/<checkpoint>/<case>.nii.gz`` (of photos ``.png``) on the grid of the
    case, and in ``report/`` the tables of :class:`Evaluation`, ``summary.json`` and ``training_sizes.csv``
    (the sizes that training slices were given, and those that the network predicts for them), ``taught_slices.npz``
    (some of these slices) and ``doubted_slices.npz`` (slices of the sizes that the network disagrees with most).

    With options all of this is as without, and beside each checkpoint stands the same network used as they say, in
    rows (and ``predictions/``) of its own, e.g. ``last_tta_crf``; ``summary.json`` has their settings.

    Args:
        run: A run with at least the checkpoint ``last``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        options: What is also measured, all of it together, beside the network alone.
        nsd_tolerance_mm: For all structures, or for each; else that of the run's configuration.
        processes: How many may compare predictions with labels, beside the one that predicts. More than one asks of
            a script to guard its start (``if __name__ == "__main__"``).
        progress: Called with the number of cases done and of all.

    Raises:
        InputError: The run, its checkpoint, an option or the device cannot be used.
        InputErrors: Held-out images or labels cannot be used; all of them are listed.
    """
    config = load_resolved(run.config)
    cases = read_cases(run)
    held_out = [case for case in of_split(cases, "val", "test") if case.label is not None]
    values = structure_values(config.data)
    given = config.evaluation.nsd_tolerance_mm if nsd_tolerance_mm is None else nsd_tolerance_mm
    tolerances_mm = tolerances_of(given, values)
    predictors = _load(run, device, options)
    compared = _compare(run, held_out, predictors, values, label_values(config.data), tolerances_mm, progress)
    of_photos = config.data.preprocessing.name == "photo"
    score: Callable[[_Compared], Scored] = _score_photo if of_photos else _score_volume
    scored = list(in_processes(score, compared, processes if len(held_out) >= FEWEST_CASES else 1))
    files = {
        (each.checkpoint, each.case.id): Files(_prediction(run, each), label_of(each.case), each.case.image)
        for each in scored
    }
    about = {
        "kind": "run",
        "object_maps": sum(case.instances is not None for case in held_out),
        "data_split": config.data.split.model_dump(mode="json"),
        "groups": {"from": "the cases of the run", "count": len({case.group for case in held_out})},
        "leaks": held_out_leaks(cases),
        "unevaluated": [case.id for case in cases if case.split in ("val", "test") and case.label is None],
        "extra_predictions": [],
        "seeds": {"training": config.training.seed, "bootstrap": 0},
        "versions": versions("medsize", "torch", "numpy", "scipy"),
    }
    if options != NETWORK_ALONE:
        about["options"] = {name: asdict(predictor.options) for name, predictor in predictors.items()}
    if options.crf:
        about["crf"] = config.inference.crf.model_dump(mode="json")
    _look_at_training(run, config, cases, predictors["last"])
    evaluation = conclude(
        scored,
        list(predictors),
        values,
        of_photos=of_photos,
        files=files,
        tolerances_mm=tolerances_mm,
        size_limits_pixels=config.evaluation.size_limits_pixels,
        about=about,
    )
    evaluation.write(run.report)
    return evaluation


def _load(run: RunFolder, device: str, options: PredictionOptions) -> dict[str, Predictor]:
    checkpoints: list[Checkpoint] = ["last"]
    checkpoints += ["best"] if run.weights("best").is_file() else []
    alone = {str(name): Predictor.load(run, name, device) for name in checkpoints}
    used = {f"{name}{options.suffix}": predictor.with_options(options) for name, predictor in alone.items()}
    return alone | used


@dataclass(frozen=True, slots=True)
class _Compared:
    """A prediction and its label, both in the values of the label files, and what it takes to score them."""

    case: Case
    checkpoint: str
    prediction: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    values: dict[str, int]
    spacing_mm: tuple[float, float, float]
    voxel_ml: float
    tolerances_mm: dict[str, float]
    instances: NDArray[np.uint8] | None


def _compare(
    run: RunFolder,
    cases: list[Case],
    predictors: dict[str, Predictor],
    values: dict[str, int],
    labels: dict[str, int],
    tolerances_mm: dict[str, float],
    progress: Callable[[int, int], None] | None,
) -> Iterator[_Compared]:
    """Predict and write one case after the other, and say in the end which cannot be used."""
    problems: list[InputError] = []
    for done, case in enumerate(cases):
        if progress:
            progress(done, len(cases))
        try:
            image = read_volume(case.image)
            truth = read_label(label_of(case), image, tuple(labels.values())).array
            objects = read_instances(case, (truth.shape[0], truth.shape[1]))
            for name, predictor in predictors.items():
                predicted = to_source_values(predictor.predict(image), values)
                write_label(run.prediction(name, case.id, case.image), predicted, like=case.image)
                yield _Compared(
                    case, name, predicted, truth, values, image.spacing_mm, image.voxel_ml, tolerances_mm, objects
                )
        except InputError as error:
            problems.append(InputError(f"case {case.id}: {error}"))
    if progress:
        progress(len(cases), len(cases))
    if problems:
        raise InputErrors(problems)


def _score_volume(compared: _Compared) -> ScoredCase[CaseScore]:
    score = score_case(
        compared.prediction,
        compared.reference,
        compared.values,
        spacing_mm=compared.spacing_mm,
        voxel_ml=compared.voxel_ml,
        tolerances_mm=compared.tolerances_mm,
    )
    return ScoredCase(compared.case, compared.checkpoint, score)


def _score_photo(compared: _Compared) -> ScoredCase[PhotoScore]:
    prediction, reference = (array[:, :, 0] for array in (compared.prediction, compared.reference))
    score = score_photo(prediction, reference, compared.values, compared.instances)
    return ScoredCase(compared.case, compared.checkpoint, score)


def _prediction(run: RunFolder, scored: Scored) -> Path:
    return run.prediction(scored.checkpoint, scored.case.id, scored.case.image)


def _look_at_training(run: RunFolder, config: RunConfig, cases: list[Case], predictor: Predictor) -> None:
    found = CaseList(cases, label_values(config.data), tuple(structure_values(config.data)))
    store = prepare_slices(config.data, found)
    rows = store.rows(case.id for case in of_split(cases, "train"))
    targets = read_size_targets(run)
    level = levels_of(None if of_case else 0 for of_case in targets["slice"].isna())
    # What people gave is compared to the last row: it is for finding their slips, not for a scatter alone.
    sample = rows if "rows" in targets else sample_training(store, rows, level)
    learned = read_sizes_while_learning(run)
    sizes = compare_training_sizes(predictor, store, sample, targets, level, while_learning=learned)
    write_text(run.report / "training_sizes.csv", sizes.to_csv(index=False))
    seeds = supervise(
        config.supervision,
        store,
        rows,
        needs=frozenset({"seeds"}) & config.targets(),
        seed=config.training.seed,
        labels=found.labels,
    ).seeds
    slices = sizes[sizes["slice"].notna()] if level == "both" else sizes
    candidates = middle_rows(store, sample) if level == "volume" else sample
    shown = choose_taught(candidates, slices, 2 * config.evaluation.overlays)
    TaughtSlices.collect(predictor, store, shown, seeds).write(run.report / "taught_slices.npz")
    doubted = rows_of_items(store, rank_doubts(sizes).head(2 * config.evaluation.overlays), learned)
    TaughtSlices.collect(predictor, store, doubted, seeds).write(run.report / "doubted_slices.npz")
