"""A run from its start to its checkpoints: reproducible, resumable, deaf to labels, and clear when it cannot be."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.losses import PartialCrossEntropyLoss
from medsize.run_folder import RunFolder
from medsize.training import InterruptedTraining, loop, resume_run, start_run
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config


def weights(run: RunFolder, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run.weights(name))


def same_weights(one: RunFolder, other: RunFolder) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def history(run: RunFolder) -> list[dict[str, object]]:
    records = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


@pytest.fixture
def run(tiny_config: RunConfig, tmp_path: Path) -> RunFolder:
    return start_run(tiny_config, tmp_path / "run")


def test_a_run_folder_holds_all_that_is_needed_to_rerun_or_doubt(run: RunFolder, tiny_config: RunConfig):
    assert load_resolved(run.config) == tiny_config
    assert json.loads(run.environment.read_text())["precision"] == "float32"
    cases = pd.read_csv(run.cases)
    assert cases["split"].value_counts().to_dict() == {"train": 16, "val": 4}
    assert list(cases.columns[:4]) == ["case", "group", "image", "label"]
    sizes = pd.read_csv(run.size_targets)
    assert list(sizes.columns) == ["case", "slice", "structure", "exact_fraction", "given_fraction"]
    assert len(sizes) == 16 * 3 * 2
    assert json.loads(run.supervision.read_text())["seeds"] == {"kind": "erosion", "iterations": 10}
    assert [record["kind"] for record in history(run)] == ["epoch", "validation"] * 2
    assert run.weights("last").is_file()
    assert run.weights("best").is_file()


def test_the_loss_falls(tiny_config: RunConfig, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=6"), tmp_path / "run")
    losses = [record["loss"] for record in history(run) if record["kind"] == "epoch"]
    assert losses[-1] < losses[0] / 2


def test_the_same_configuration_gives_the_same_weights(tiny_config: RunConfig, run: RunFolder, tmp_path: Path):
    again = start_run(tiny_config, tmp_path / "again")
    assert same_weights(run, again)
    assert history(run) == history(again)


def test_another_seed_gives_other_weights(run: RunFolder, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    other = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.seed=1"), tmp_path / "other")
    assert not same_weights(run, other)


def test_best_is_the_best_validation(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=4"), tmp_path / "run")
    validations = [record for record in history(run) if record["kind"] == "validation"]
    best = max(validations, key=lambda record: record["mean"])
    assert json.loads((run.checkpoint("best") / "position.json").read_text())["epoch"] == best["epoch"]
    assert [record for record in validations if record["best"]][-1]["epoch"] == best["epoch"]


def test_early_stopping_stops(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(loop, "validate", lambda *_args, **_options: loop.Validation({"lv": 0.5}, 0.5))
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=9", "training.early_stopping.patience=2")
    run = start_run(config, tmp_path / "run")
    assert [record["epoch"] for record in history(run) if record["kind"] == "epoch"] == [1, 2, 3]


@pytest.mark.parametrize("steps_before", [0, 1, 5, 6, 10])
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    tiny_config: RunConfig, run: RunFolder, tmp_path: Path, monkeypatch, steps_before: int
):
    steps = 0
    train_step = loop.Training.train_step

    def step_then_signal(self: loop.Training, *args: object) -> object:
        nonlocal steps
        value = train_step(self, *args)
        steps += 1
        if steps == steps_before + 1:
            os.kill(os.getpid(), signal.SIGINT)
        return value

    monkeypatch.setattr(loop.Training, "train_step", step_then_signal)
    with pytest.raises(InterruptedTraining) as caught:
        start_run(tiny_config, tmp_path / "stopped")
    assert steps == steps_before + 1
    stopped = caught.value.run
    resume_run(stopped, load_resolved(stopped.config))
    assert same_weights(run, stopped)
    assert history(run) == history(stopped)


def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(tiny_config: RunConfig, run: RunFolder, tmp_path: Path):
    began = time.monotonic()
    start_run(tiny_config, tmp_path / "timed")
    duration = time.monotonic() - began
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["medsize.training", "tests.training.test_start"])
    rng = random.Random(0)
    for number in range(10):
        folder = tmp_path / f"killed{number}"
        child = context.Process(target=start_run, args=(tiny_config, folder))
        child.start()
        child.join(rng.uniform(0.2, 1.5) * duration)
        child.kill()
        child.join()
        if RunFolder(folder).config.is_file():
            resume_run(RunFolder(folder), tiny_config)
        else:
            start_run(tiny_config, folder)
        assert same_weights(run, RunFolder(folder))
        assert history(run) == history(RunFolder(folder))
        leftovers = [path.name for path in (folder / "checkpoints").iterdir()]
        assert sorted(leftovers) == ["best", "last"]


def test_a_resumed_run_may_go_on_for_longer(run: RunFolder, tiny_acdc: Path, tiny_cache: Path):
    resume_run(run, tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=3"))
    assert [record["epoch"] for record in history(run) if record["kind"] == "epoch"] == [1, 2, 3]
    assert load_resolved(run.config).training.epochs == 3


def test_a_finished_run_that_is_resumed_stays_as_it_is(run: RunFolder, tiny_config: RunConfig):
    before, lines = weights(run), history(run)
    resume_run(run, tiny_config)
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(run).items())
    assert history(run) == lines


def test_a_run_is_not_resumed_with_another_configuration(run: RunFolder, tiny_acdc: Path, tiny_cache: Path):
    other = tiny_run_config(tiny_acdc, tiny_cache, "training.batch_size=4")
    with pytest.raises(InputError, match=r"training\.batch_size: 8 then, 4 now"):
        resume_run(run, other)


def test_a_run_is_not_resumed_on_other_data(run: RunFolder, tiny_config: RunConfig):
    about = json.loads(run.environment.read_text())
    run.environment.write_text(json.dumps({**about, "data": "0123456789abcdef"}))
    with pytest.raises(InputError, match="was started on other data"):
        resume_run(run, tiny_config)


def test_a_run_is_not_resumed_with_other_sizes(run: RunFolder, tiny_config: RunConfig):
    run.size_targets.write_text(run.size_targets.read_text().replace("0.", "0.0", 1))
    with pytest.raises(InputError, match="and other sizes"):
        resume_run(run, tiny_config)


def test_a_damaged_checkpoint_says_so(run: RunFolder, tiny_config: RunConfig):
    (run.checkpoint("last") / "position.json").write_text("{")
    with pytest.raises(InputError, match="cannot be resumed from"):
        resume_run(run, tiny_config)


def test_a_folder_that_is_taken_is_refused(run: RunFolder, tiny_config: RunConfig):
    with pytest.raises(InputError, match="is taken"):
        start_run(tiny_config, run.path)


def test_garbage_in_the_stored_labels_of_training_cases_changes_nothing(tiny_config: RunConfig, run: RunFolder):
    store_labels = prepare_task(tiny_config).store.path / "labels.npy"
    good = store_labels.read_bytes()
    labels = np.load(store_labels, mmap_mode="r+")
    rows = prepare_task(tiny_config).train_rows
    labels[rows] = np.random.default_rng(0).integers(0, 2, labels[rows].shape)
    labels.flush()
    try:
        again = start_run(tiny_config, run.path.parent / "garbage")
    finally:
        store_labels.write_bytes(good)
    assert same_weights(run, again)
    assert history(run) == history(again)


def test_garbage_in_the_label_files_changes_nothing_when_people_gave_seeds_and_sizes(tiny_acdc: Path, tmp_path: Path):
    root = tmp_path / "acdc"
    scribbles, table = tmp_path / "scribbles", tmp_path / "sizes.csv"
    copy_with_scribbles(tiny_acdc, root, scribbles)
    given = (f"supervision.seeds={{kind: scribble, folder: {scribbles}}}", "training.validate_every=2")
    exact = prepare_task(tiny_run_config(root, tmp_path / "cache"))
    exact.supervision.table.query("structure == 'lv'").assign(
        value=lambda sizes: sizes["given_fraction"], unit="fraction"
    )[["case", "slice", "structure", "value", "unit"]].to_csv(table, index=False)
    config = tiny_run_config(root, tmp_path / "cache", *given, f"supervision.sizes={{kind: table, path: {table}}}")
    honest = start_run(config, tmp_path / "honest")
    for case in exact.cases:
        if case.split == "train":
            label = nib.load(case.label)
            garbage = np.random.default_rng(0).integers(0, 4, label.shape).astype(np.uint8)
            nib.save(nib.Nifti1Image(garbage, label.affine), case.label)
    assert same_weights(honest, start_run(config, tmp_path / "garbage"))


def copy_with_scribbles(source: Path, root: Path, scribbles: Path) -> None:
    scribbles.mkdir()
    for file in source.rglob("*"):
        if file.is_file():
            copy = root / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
        if file.name.endswith("_gt.nii.gz"):
            label = nib.load(file)
            scribble = np.where(np.random.default_rng(1).random(label.shape) < 0.05, np.asarray(label.dataobj), 4)
            name = file.name.replace("_gt.nii.gz", "_scribble.nii.gz")
            nib.save(nib.Nifti1Image(scribble.astype(np.uint8), label.affine), scribbles / name)


def test_a_loss_that_is_not_finite_stops_with_the_cases_of_the_batch(
    tiny_config: RunConfig, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(
        PartialCrossEntropyLoss, "forward", lambda _self, prediction, _seeds: prediction.logits.sum() * torch.nan
    )
    with pytest.raises(InputError) as caught:
        start_run(tiny_config, tmp_path / "run")
    message = str(caught.value)
    assert "the loss is not finite at step 0 (epoch 1)" in message
    assert "partial_cross_entropy nan" in message
    assert "patient0" in message
    assert "learning_rate" in message


def test_full_supervision_learns_from_masks(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = tiny_run_config(
        tiny_acdc,
        tiny_cache,
        "objective={partial_cross_entropy: null, size_target: null, cross_entropy: {weight: 1}}",
        "training.epochs=12",
    )
    run = start_run(config, tmp_path / "run")
    assert pd.read_csv(run.size_targets).empty
    assert max(record["mean"] for record in history(run) if record["kind"] == "validation") > 0.8


@pytest.mark.parametrize(
    "objective",
    [
        "{size_target: null, quadratic_barrier: {weight: 1}, suppression: {weight: 1}}",
        "{size_target: {weight: 10, direction: reverse}, log_barrier: {weight: 0.1}}",
        "{size_target: {weight: 10, scale: object, temperature: 0.25}, flat_log_barrier: {weight: 1, epsilon: 0.01}}",
        "{sparse_crf: {weight: 1, sigma: 0.1, form: bilinear}}",
    ],
)
def test_every_term_trains(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, objective: str):
    config = tiny_run_config(tiny_acdc, tiny_cache, f"objective={objective}", "training.epochs=1")
    parts = history(start_run(config, tmp_path / "run"))[0]["parts"]
    assert set(parts) == {name for name, term in config.objective.model_dump().items() if term}
    assert all(np.isfinite(list(parts.values())))


def test_training_cases_without_label_need_scribbles_and_a_table(tiny_acdc: Path, tmp_path: Path):
    root = tmp_path / "acdc"
    copy_with_scribbles(tiny_acdc, root, tmp_path / "scribbles")
    for label in (root / "training").glob("patient001/*_gt.nii.gz"):
        label.unlink()
    with pytest.raises(InputError) as caught:
        start_run(tiny_run_config(root, tmp_path / "cache", "data.split.fold=1"), tmp_path / "run")
    assert "2 training case(s) have no label: patient001_frame01, patient001_frame09" in str(caught.value)
    assert "seeds of kind 'erosion' are made from masks and sizes of kind 'exact' are measured on masks" in str(
        caught.value
    )
    assert not (tmp_path / "run").exists()


def test_weights_that_cannot_be_used_are_refused_before_anything_is_prepared(tiny_acdc: Path, tmp_path: Path):
    (tmp_path / "w.safetensors").write_bytes(b"garbage")
    config = tiny_run_config(
        tiny_acdc, tmp_path / "cache", f"network={{name: mobilenetv2_unet, weights: {tmp_path / 'w.safetensors'}}}"
    )
    with pytest.raises(InputError, match=r"w\.safetensors"):
        start_run(config, tmp_path / "run")
    assert not (tmp_path / "cache").exists()


def test_all_structures_train_together(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = tiny_run_config(tiny_acdc, tiny_cache, "data.structures=[all]", "training.epochs=1")
    run = start_run(config, tmp_path / "run")
    assert set(history(run)[-1]["dice_scan"]) <= {"rv", "myo", "lv"}
    assert set(pd.read_csv(run.size_targets)["structure"]) == {"background", "rv", "myo", "lv"}


def test_tensorboard_files_are_written_when_asked_for(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    pytest.importorskip("tensorboard")
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.tensorboard=true", "training.epochs=1")
    run = start_run(config, tmp_path / "run")
    assert list((run.path / "tensorboard").glob("events.*"))


def test_without_validation_labels_there_is_no_best(tiny_acdc: Path, tmp_path: Path):
    root = tmp_path / "acdc"
    copy_with_scribbles(tiny_acdc, root, tmp_path / "scribbles")
    held_out = {
        case.group for case in prepare_task(tiny_run_config(root, tmp_path / "cache")).cases if case.split == "val"
    }
    for patient in held_out:
        for label in (root / "training" / patient).glob("*_gt.nii.gz"):
            label.unlink()
    run = start_run(tiny_run_config(root, tmp_path / "cache"), tmp_path / "run")
    assert [record["kind"] for record in history(run)] == ["epoch", "epoch"]
    assert not run.checkpoint("best").exists()


def test_an_assignment_of_every_changeable_key_resumes(run: RunFolder, tiny_acdc: Path, tiny_cache: Path):
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=2", "training.validate_every=2")
    assert resume_run(run, config) == run
