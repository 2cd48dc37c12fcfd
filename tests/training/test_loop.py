"""The loop: it learns, validates, stops when asked, and stops when it must."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.losses import PartialCrossEntropyLoss
from medsize.run_folder import RunFolder
from medsize.training import InterruptedTraining, loop, resume_run, start_run
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.training.runs import copy_with_scribbles, history, same_weights, stopped_and_resumed, weights


def test_the_loss_falls(tiny_config: RunConfig, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=20"), tmp_path / "run")
    losses = [record["loss"] for record in history(run) if record["kind"] == "epoch"]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("level", ["slice", "volume"])
def test_a_run_with_a_dense_crf_and_constrain_learns(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, level: str):
    terms = (
        "objective.dense_crf={weight: 0.5, sigma_space: 8}",
        "objective.constrain={weight: 0.5, crf: {iterations: 2}}",
        f"supervision.level={level}",
    )
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, *terms, "training.epochs=5"), tmp_path / "run")
    epochs = [record for record in history(run) if record["kind"] == "epoch"]
    assert epochs[-1]["loss"] < 0.8 * epochs[0]["loss"]
    assert {"dense_crf", "constrain"} <= epochs[-1]["parts"].keys()


def test_best_is_the_best_validation(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=4"), tmp_path / "run")
    validations = [record for record in history(run) if record["kind"] == "validation"]
    best = max(validations, key=lambda record: record["mean"])
    assert json.loads((run.checkpoint("best") / "position.json").read_text("utf-8"))["epoch"] == best["epoch"]
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


VOLUMES = (
    "supervision={level: volume, sizes: {kind: noisy, noise: 0.08}}",
    "objective={log_barrier_extension: {weight: 1, t0: 50, growth: 1.5, scale: fraction}, suppression: {weight: 0.1}}",
    "training.batch_size=7",
    "training.fewest_cases=2",
)


@pytest.mark.parametrize("steps_before", [0, 6, 9])
def test_a_run_on_volumes_with_a_hardening_barrier_resumes_to_the_same_weights(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch, steps_before: int
):
    config = tiny_run_config(tiny_acdc, tiny_cache, *VOLUMES)
    whole = start_run(config, tmp_path / "whole")
    batches: list[list[str]] = []
    batch_of = loop.Training.batch_of

    def batch_of_recorded(self: loop.Training, *args: object) -> object:
        names, tensors = batch_of(self, *args)
        batches.append(names)
        assert len(tensors["case"].unique()) == len(set(names))
        return names, tensors

    monkeypatch.setattr(loop.Training, "batch_of", batch_of_recorded)
    stopped = stopped_and_resumed(config, tmp_path / "stopped", monkeypatch, step=steps_before + 1)
    assert same_weights(whole, stopped)
    assert history(whole) == history(stopped)
    assert all(sorted(names) == sorted(sorted(set(names)) * 3) for names in batches), "whole cases of three slices"
    assert {len(set(names)) for names in batches} == {2}, "two of them come nearest to seven slices"


def test_the_loss_on_volumes_falls_and_the_volumes_meet_their_targets(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    config = tiny_run_config(
        tiny_acdc,
        tiny_cache,
        "supervision={level: volume}",
        "objective.size_target.scale=object",
        "training.epochs=20",
        "training.start_at_sizes=false",  # or there is little left to fall
        "training.fewest_cases=1",
    )
    run = start_run(config, tmp_path / "run")
    parts = [record["parts"] for record in history(run) if record["kind"] == "epoch"]
    assert parts[-1]["size_target"] < parts[0]["size_target"] / 4
    sizes = pd.read_csv(run.size_targets)
    assert len(sizes) == 2 * sizes["case"].nunique()
    assert sizes["slice"].isna().all()


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


@pytest.mark.parametrize("what", ["weight", "running statistic"])
def test_weights_that_the_last_step_spoils_are_not_kept(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
):
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=2")
    train_step = loop.Training.train_step

    def spoil(self: loop.Training, step: int, rows: np.ndarray) -> object:
        value = train_step(self, step, rows)
        if step == self.steps - 1:  # its loss was finite
            state = self.bare_network.state_dict()
            name = next(name for name in state if name.endswith("weight" if what == "weight" else "running_mean"))
            state[name].view(-1)[0] = torch.inf
        return value

    if what == "running statistic":
        network = "network={name: mobilenetv2_unet, decoder_channels: [4, 4, 4, 4, 4]}"
        config = tiny_run_config(tiny_acdc, tiny_cache, network, "training.epochs=2")
    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "train_step", spoil)
        with pytest.raises(InputError, match=r"not finite after step 11 \(epoch 2\)(.|\n)*1 of(.|\n)*learning_rate"):
            start_run(config, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    for name in ("last", "best"):
        assert all(tensor.isfinite().all() for tensor in weights(run, name).values())
        assert json.loads(run.position(name).read_text("utf-8"))["epoch"] == 1
    resume_run(run, config)
    assert json.loads(run.position("last").read_text("utf-8"))["epoch"] == 2


def test_the_network_starts_at_the_mean_size_unless_told_otherwise(tiny_acdc: Path, tiny_cache: Path):
    predicted = []
    for start in ("true", "false"):
        config = tiny_run_config(tiny_acdc, tiny_cache, f"training.start_at_sizes={start}")
        task = prepare_task(config)
        bias = [module for module in task.network.modules() if isinstance(module, torch.nn.Conv2d)][-1].bias
        assert bias is not None
        predicted.append(bias.detach().softmax(0))
    sizes = task.supervision.given["size_target"]
    assert sizes is not None
    torch.testing.assert_close(predicted[0], torch.from_numpy(np.nanmean(sizes, 0)), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(predicted[0], predicted[1], atol=0.1)


def test_full_supervision_learns_from_masks(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = tiny_run_config(
        tiny_acdc,
        tiny_cache,
        "objective={partial_cross_entropy: null, size_target: null, cross_entropy: {weight: 1}}",
        "network={name: unet, channels: [8, 16, 32]}",
        "training.epochs=24",
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
        "{size_target: null, size_bounds: {weight: 10, temperature: 0.5}, fairness: {weight: 0.1}}",
        "{log_barrier_extension: {weight: 1}, balance: {weight: 0.1, distribution: [0.95, 0.05]}}",
        "{size_target: null, weighted_cross_entropy: {weight: 1, counts: [90, 5]}}",
    ],
)
def test_every_term_trains(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, objective: str):
    config = tiny_run_config(tiny_acdc, tiny_cache, f"objective={objective}", "training.epochs=1")
    parts = history(start_run(config, tmp_path / "run"))[0]["parts"]
    assert set(parts) == {name for name, term in config.objective.model_dump().items() if term}
    assert all(np.isfinite(list(parts.values())))


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


def test_all_structures_train_together(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = tiny_run_config(tiny_acdc, tiny_cache, "data.structures=[all]", "training.epochs=1")
    run = start_run(config, tmp_path / "run")
    assert set(history(run)[-1]["dice_scan"]) <= {"rv", "myo", "lv"}
    assert set(pd.read_csv(run.size_targets)["structure"]) == {"background", "rv", "myo", "lv"}


def test_dropout_goes_on_as_if_the_run_had_not_stopped(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = "network={name: mobilenetv2_deeplabv3plus}"
    config = tiny_run_config(tiny_acdc, tiny_cache, network, "training.epochs=1")
    whole = start_run(config, tmp_path / "whole")
    stopped = stopped_and_resumed(config, tmp_path / "stopped", monkeypatch, step=2)
    assert same_weights(stopped, whole)
