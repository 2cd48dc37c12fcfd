"""Evaluating a run: predict its held-out cases on their own grids and compare them with their labels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsize.claim import claimed
from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.data.case import Case
from medsize.data.grid_files import write_label
from medsize.data.prepare import of_split, prepare_slices
from medsize.data.sources import CaseList
from medsize.data.splits import held_out_leaks
from medsize.data.store import SliceStore
from medsize.data.volumes import read_label, read_volume
from medsize.errors import InputError
from medsize.evaluation.conclude import conclude
from medsize.evaluation.doubt import rank_doubts
from medsize.evaluation.label_pair import label_of, read_instances
from medsize.evaluation.measured_weights import digests_of_weights
from medsize.evaluation.photo_scores import PhotoScore, score_photo
from medsize.evaluation.problems import Outcome, about_case, attempt, part
from medsize.evaluation.processes import FEWEST_CASES, in_processes
from medsize.evaluation.result import Evaluation
from medsize.evaluation.scored_case import ScoredCase
from medsize.evaluation.scores import CaseScore, score_case
from medsize.evaluation.summary import Files
from medsize.evaluation.tolerance import tolerances_of
from medsize.evaluation.trained_data import trained_on
from medsize.evaluation.training_sizes import (
    TaughtSlices,
    choose_taught,
    compare_training_sizes,
    given_estimates,
    middle_rows,
    rows_of_items,
    sample_training,
)
from medsize.evaluation.versions import versions
from medsize.files import atomic_folder, remove_abandoned, restore_folder
from medsize.inference.label_values import label_values, structure_values, to_source_values
from medsize.inference.load import Predictor
from medsize.inference.options import NETWORK_ALONE, PredictionOptions
from medsize.run.cases import read_cases
from medsize.run.relabelled import read_relabelled
from medsize.run.size_targets import read_size_targets
from medsize.run.sizes_while_learning import read_sizes_while_learning
from medsize.run_folder import Checkpoint, RunFolder
from medsize.supervision.stored_pseudo_labels import grown_labels
from medsize.supervision.supervise import PSEUDO_LABEL, supervise
from medsize.supervision.table_sizes import levels_of
from medsize.tables import write_table


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
    Both folders are replaced as a whole, in the end; until then the results of an earlier evaluation stay.

    A case that cannot be evaluated is in no figure; it is listed in ``summary.json`` and in the evaluation's
    ``problems``.

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
        InputError: The run, its checkpoint, an option or the device cannot be used, or another process is at work
            in the run's folder.
        InputErrors: Not one held-out case can be evaluated; all of them are listed.
    """
    with claimed(run.path, "evaluation"):
        remove_abandoned(run.path, recursive=True)
        restore_folder(run.report)
        restore_folder(run.predictions)
        with atomic_folder(run.report) as report, atomic_folder(run.predictions) as predictions:
            places = _Places(run, report, predictions)
            return _evaluate(places, device, options, nsd_tolerance_mm, processes, progress)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where an evaluation writes before all of it is moved to the run's own places.

    Attributes:
        run: The run.
        report: Stands for the run's folder of the report.
        predictions: Stands for that of its predictions.
    """

    run: RunFolder
    report: Path
    predictions: Path

    def prediction(self, checkpoint: str, case: Case) -> Path:
        """Return where a predicted label file is written."""
        return self.predictions / self._name(checkpoint, case)

    def named(self, checkpoint: str, case: Case) -> tuple[str, Path]:
        """Return what a prediction is called from the folder of the report, and where it was written."""
        name = self._name(checkpoint, case)
        return (Path("..") / self.run.predictions.name / name).as_posix(), self.predictions / name

    def _name(self, checkpoint: str, case: Case) -> Path:
        return self.run.prediction(checkpoint, case.id, case.image).relative_to(self.run.predictions)


def _evaluate(
    places: _Places,
    device: str,
    options: PredictionOptions,
    nsd_tolerance_mm: float | Mapping[str, float] | None,
    processes: int,
    progress: Callable[[int, int], None] | None,
) -> Evaluation:
    run = places.run
    config = load_resolved(run.config)
    began_on = trained_on(run)
    cases = read_cases(run)
    held_out = [case for case in of_split(cases, "val", "test") if case.label is not None]
    values = structure_values(config.data)
    given = config.evaluation.nsd_tolerance_mm if nsd_tolerance_mm is None else nsd_tolerance_mm
    tolerances_mm = tolerances_of(given, values)
    weights = digests_of_weights(run)
    predictors = _load(run, device, options)
    unread: list[Outcome] = []
    compared = _compare(places, held_out, predictors, label_values(config.data), tolerances_mm, unread, progress)
    of_photos = config.data.preprocessing.name == "photo"
    score = _score_photo if of_photos else _score_volume
    outcomes = list(in_processes(score, compared, processes if len(held_out) >= FEWEST_CASES else 1))
    scored, problems = part([*outcomes, *unread])
    files = {
        (each.checkpoint, each.case.id): Files(
            run.prediction(each.checkpoint, each.case.id, each.case.image), label_of(each.case), each.case.image
        )
        for each in scored
    }
    usable = [case for case in cases if case.id not in problems]
    store = prepare_slices(
        config.data, CaseList(usable, label_values(config.data), tuple(structure_values(config.data)))
    )
    about = {
        "kind": "run",
        "object_maps": sum(case.instances is not None for case in held_out),
        "data_split": config.data.split.model_dump(mode="json"),
        "groups": {"from": "the cases of the run", "count": len({case.group for case in held_out})},
        "leaks": held_out_leaks(cases),
        "unevaluated": [case.id for case in cases if case.split in ("val", "test") and case.label is None],
        "extra_predictions": [],
        "weights": weights,
        "data": {"trained_on": began_on, "evaluated_on": store.key},
        "seeds": {"training": config.training.seed, "bootstrap": 0},
        "versions": versions("medsize", "torch", "numpy", "scipy"),
    }
    if options != NETWORK_ALONE:
        about["options"] = {name: asdict(predictor.options) for name, predictor in predictors.items()}
    if options.crf:
        about["crf"] = config.inference.crf.model_dump(mode="json")
    same_rows = began_on in (None, store.key)
    written = _look_at_training(places, config, of_split(usable, "train"), store, predictors["last"], same_rows)
    evaluation = conclude(
        scored,
        problems,
        list(predictors),
        values,
        of_photos=of_photos,
        files=files,
        tolerances_mm=tolerances_mm,
        size_limits_pixels=config.evaluation.size_limits_pixels,
        about=about,
    )
    if digests_of_weights(run) != weights:
        raise InputError(
            f"the weights of {run.path} changed while they were measured",
            remedy="wait until nothing else writes into the run, and evaluate it again",
        )
    evaluation.write(places.report, also=written, beside=(places.named(each.checkpoint, each.case) for each in scored))
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
    places: _Places,
    cases: list[Case],
    predictors: dict[str, Predictor],
    labels: dict[str, int],
    tolerances_mm: dict[str, float],
    unread: list[Outcome],
    progress: Callable[[int, int], None] | None,
) -> Iterator[_Compared]:
    """Predict and write one case after the other; what cannot be used becomes a problem in ``unread``."""
    for done, case in enumerate(cases):
        if progress:
            progress(done, len(cases))
        try:
            found = _predict(places, case, predictors, labels, tolerances_mm)
        except Exception as error:  # whatever is wrong with one case, the others are evaluated
            unread.append((case, about_case(case, error)))
        else:
            yield from found
    if progress:
        progress(len(cases), len(cases))


def _predict(
    places: _Places,
    case: Case,
    predictors: dict[str, Predictor],
    labels: dict[str, int],
    tolerances_mm: dict[str, float],
) -> list[_Compared]:
    image = read_volume(case.image)
    truth = read_label(label_of(case), image, tuple(labels.values())).array
    objects = read_instances(case, (truth.shape[0], truth.shape[1]))
    found = []
    for name, predictor in predictors.items():
        predicted = to_source_values(predictor.predict(image), predictor.values)
        write_label(places.prediction(name, case), predicted, like=case.image)
        found.append(
            _Compared(
                *(case, name, predicted, truth, predictor.values),
                *(image.spacing_mm, image.voxel_ml, tolerances_mm, objects),
            )
        )
    return found


def _score_volume(compared: _Compared) -> Outcome:
    return attempt(_scored_volume, compared, compared.case)


def _score_photo(compared: _Compared) -> Outcome:
    return attempt(_scored_photo, compared, compared.case)


def _scored_volume(compared: _Compared) -> ScoredCase[CaseScore]:
    score = score_case(
        compared.prediction,
        compared.reference,
        compared.values,
        spacing_mm=compared.spacing_mm,
        voxel_ml=compared.voxel_ml,
        tolerances_mm=compared.tolerances_mm,
    )
    return ScoredCase(compared.case, compared.checkpoint, score)


def _scored_photo(compared: _Compared) -> ScoredCase[PhotoScore]:
    prediction, reference = (array[:, :, 0] for array in (compared.prediction, compared.reference))
    score = score_photo(prediction, reference, compared.values, compared.instances)
    return ScoredCase(compared.case, compared.checkpoint, score)


def _look_at_training(
    places: _Places, config: RunConfig, cases: list[Case], store: SliceStore, predictor: Predictor, same_rows: bool
) -> list[Path]:
    """Write what the network makes of its training slices, and return the files.

    Args:
        places: Where to.
        config: The run's configuration.
        cases: Those that were trained on.
        store: The slices.
        predictor: The network.
        same_rows: Whether the rows of the store are those of the training; else nothing is known by them.
    """
    rows = store.rows(case.id for case in cases)
    targets = read_size_targets(places.run)
    level = levels_of(None if of_case else 0 for of_case in targets["slice"].isna())
    # What people gave is compared to the last row: it is for finding their slips, not for a scatter alone.
    sample = rows if "rows" in targets else sample_training(store, rows, level)
    learned = read_sizes_while_learning(places.run) if same_rows else None
    sizes = compare_training_sizes(predictor, store, sample, targets, level, while_learning=learned)
    names = ("training_sizes.csv", "taught_slices.npz", "doubted_slices.npz")
    table, taught, doubted_slices = paths = [places.report / name for name in names]
    write_table(table, sizes)
    grown = PSEUDO_LABEL in config.targets()
    seeds = supervise(
        config.supervision,
        store,
        rows,
        needs=frozenset({"seeds"} if grown else {"seeds"} & config.targets()),
        seed=config.training.seed,
        labels=label_values(config.data),
    ).given.get("seeds")
    slices = sizes[sizes["slice"].notna()] if level == "both" else sizes
    candidates = middle_rows(store, sample) if level == "volume" else sample
    shown = choose_taught(candidates, slices, 2 * config.evaluation.overlays)
    in_cases = targets["case"].isin(store.index["case"].iloc[shown])
    relabelled = same_rows and places.run.relabelled.exists()
    pseudo_label = None
    if relabelled:
        pseudo_label = read_relabelled(places.run.relabelled)[PSEUDO_LABEL][shown]
    elif grown and seeds is not None:
        estimates = given_estimates(store, targets[in_cases])
        pseudo_label = grown_labels(config.supervision.pseudo_labels, store, shown, seeds, estimates)
    TaughtSlices.collect(predictor, store, shown, seeds, pseudo_label, relabelled=relabelled).write(taught)
    doubted = rows_of_items(store, rank_doubts(sizes).head(2 * config.evaluation.overlays), learned)
    TaughtSlices.collect(predictor, store, doubted, seeds).write(doubted_slices)
    return paths
