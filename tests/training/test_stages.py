"""Trainings in stages do in each what it says, and resume to the same weights wherever they are stopped."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from medsize.config.loading import load_resolved
from medsize.errors import InputError
from medsize.losses import SparseCRFLoss
from medsize.run_folder import RunFolder
from medsize.training import InterruptedTraining, loop, resume_run, start_run
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.training.runs import history, same_weights, stopped_and_resumed, weights

ANNEALING = (
    "training.epochs=4",
    "training.stages={annealing: {epochs: 1, repeat: 3, restart_optimiser: true, "
    "objective: {sparse_crf: {weight: 1, sigma: {from: 0.05, to: 0.15}}}}, "
    "normal: {objective: {sparse_crf: {weight: 9, sigma: 0.2}, size_target: null}}}",
)
HELD = (
    "training.epochs=4",
    "training.stages={first: {epochs: 2}, second: {objective: {size_target: {weight: 1}, "
    "suppression: {weight: 0.1}}, consolidate: {strength: 500}}}",
)


def test_one_stage_that_changes_nothing_changes_no_weight(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, run: RunFolder
):
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.stages={first: {epochs: 1}, second: {}}")
    staged = start_run(config, tmp_path / "staged")
    assert same_weights(run, staged)
    assert [record.get("stage") for record in history(run)] == [None] * 4
    without = [{key: value for key, value in record.items() if key != "stage"} for record in history(staged)]
    assert without == history(run)


def test_every_stage_minimises_its_own_objective_and_the_records_name_it(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch, capsys
):
    sigmas: list[float] = []
    forward = SparseCRFLoss.forward

    def recorded(self: SparseCRFLoss, *args: Any) -> torch.Tensor:
        sigmas.append(self.sigma)
        return forward(self, *args)

    monkeypatch.setattr(SparseCRFLoss, "forward", recorded)
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, *ANNEALING), tmp_path / "run")
    assert sigmas == pytest.approx([sigma for sigma in (0.05, 0.1, 0.15, 0.2) for _ in range(6)])
    epochs = [record for record in history(run) if record["kind"] == "epoch"]
    assert [record["stage"] for record in epochs] == [*(f"annealing {number}/3" for number in (1, 2, 3)), "normal"]
    assert set(epochs[0]["parts"]) == {"partial_cross_entropy", "size_target", "sparse_crf"}
    assert set(epochs[-1]["parts"]) == {"partial_cross_entropy", "sparse_crf"}
    parts = epochs[-1]["parts"]
    assert epochs[-1]["loss"] == pytest.approx(parts["partial_cross_entropy"] + 9 * parts["sparse_crf"])
    said = capsys.readouterr().err
    assert "epoch 2: annealing 2/3 begins" in said
    assert "epoch 4/4 (normal): validation" in said


def test_a_restart_forgets_what_the_optimiser_had_gathered(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    steps = {}
    for restart in ("true", "false"):
        stages = f"training.stages={{first: {{epochs: 1}}, second: {{restart_optimiser: {restart}}}}}"
        run = start_run(tiny_run_config(tiny_acdc, tiny_cache, stages), tmp_path / restart)
        state = torch.load(run.optimiser, weights_only=True)["state"]
        steps[restart] = {float(of["step"]) for of in state.values()}
    assert steps == {"true": {6.0}, "false": {12.0}}


def test_numbers_of_the_optimiser_follow_the_stage(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch):
    seen = []
    step = loop.Training.train_step

    def recorded(self: loop.Training, *args: Any) -> Any:
        value = step(self, *args)
        group = self.optimiser.param_groups[0]
        seen.append((self.position.epoch, group["lr"], group["momentum"], group["weight_decay"]))
        return value

    monkeypatch.setattr(loop.Training, "train_step", recorded)
    config = tiny_run_config(
        tiny_acdc,
        tiny_cache,
        "training.optimiser={name: sgd, learning_rate: 0.01, momentum: 0.9, weight_decay: 0.1}",
        "training.polynomial_power=0",
        "training.stages={first: {epochs: 1}, second: {optimiser: {learning_rate: 0.001, momentum: 0.5}}}",
    )
    start_run(config, tmp_path / "run")
    assert set(seen) == {(0, 0.01, 0.9, 0.1), (1, 0.001, 0.5, 0.1)}


@pytest.mark.parametrize("stages", [ANNEALING, HELD], ids=["annealing", "held"])
@pytest.mark.parametrize("step", [1, 7, 12, 13, 23])
def test_a_staged_run_stopped_anywhere_ends_with_the_same_weights(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch, stages: tuple[str, ...], step: int
):
    config = tiny_run_config(tiny_acdc, tiny_cache, *stages)
    whole = start_run(config, tmp_path / "whole")
    stopped = stopped_and_resumed(config, tmp_path / "stopped", monkeypatch, step=step)
    assert same_weights(whole, stopped)
    assert history(whole) == history(stopped)


def test_a_run_stopped_while_its_weights_are_weighed_ends_with_the_same_weights(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch
):
    config = tiny_run_config(tiny_acdc, tiny_cache, *HELD)
    whole = start_run(config, tmp_path / "whole")
    losses = loop.Training.losses_of_stage_before

    def stopped_at_third(self: loop.Training) -> Any:
        for number, loss in enumerate(losses(self)):
            self.interruption.asked = number == 2
            yield loss

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "losses_of_stage_before", stopped_at_third)
        with pytest.raises(InterruptedTraining):
            start_run(config, tmp_path / "stopped")
    stopped = RunFolder(tmp_path / "stopped")
    position = json.loads((stopped.checkpoint("last") / "position.json").read_text("utf-8"))
    assert (position["epoch"], position["batch"]) == (2, 0)
    assert not stopped.consolidation.exists()
    resume_run(stopped, load_resolved(stopped.config))
    assert same_weights(whole, stopped)
    assert history(whole) == history(stopped)


def test_what_mattered_to_the_first_stage_moves_less_in_the_second(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    def moved(strength: float | None) -> tuple[torch.Tensor, torch.Tensor]:
        hold = "" if strength is None else f", consolidate: {{strength: {strength}}}"
        folder = tmp_path / str(strength)
        stages = (
            "training.stages={first: {epochs: 4}, second: {objective: {partial_cross_entropy: null, "
            f"size_target: {{weight: 100}}}}{hold}}}}}"
        )
        run = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=6", stages), folder)
        held = load_file(tmp_path / "500.0" / "checkpoints" / "last" / "consolidation.safetensors")
        names = [name.removeprefix("anchor.") for name in held if name.startswith("anchor.")]
        after = weights(run)
        distance = torch.cat([(after[name] - held[f"anchor.{name}"]).abs().flatten() for name in names])
        return distance, torch.cat([held[f"fisher.{name}"].flatten() for name in names])

    with_it, fisher = moved(500.0)
    without, _ = moved(None)
    important, idle = fisher > 0.5, fisher < 0.01
    assert with_it[important].mean() < 0.5 * without[important].mean()
    assert with_it[idle].mean() > 0.8 * without[idle].mean()


def test_nothing_is_held_at_the_start_of_the_stage_and_something_later(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch
):
    penalties = []
    step = loop.Training.train_step

    def recorded(self: loop.Training, *args: Any) -> Any:
        value = step(self, *args)
        penalties.append(value.parts.get("consolidation"))
        return value

    monkeypatch.setattr(loop.Training, "train_step", recorded)
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, *HELD), tmp_path / "run")
    assert penalties[:12] == [None] * 12
    assert float(penalties[12]) == 0
    assert all(float(penalty) > 0 for penalty in penalties[13:])
    (last,) = [record for record in history(run) if record["kind"] == "epoch" and record["epoch"] == 4]
    parts = last["parts"]
    expected = parts["partial_cross_entropy"] + parts["size_target"] + 0.1 * parts["suppression"]
    assert last["loss"] == pytest.approx(expected + parts["consolidation"])


def test_a_stage_without_consolidation_lets_go(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    stages = "training.stages={first: {epochs: 1}, second: {epochs: 1, consolidate: {}}, third: {}}"
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=3", stages), tmp_path / "run")
    assert "consolidation" not in history(run)[-2]["parts"]
    assert not run.consolidation.exists()


def test_a_staged_run_may_go_on_for_longer(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, *HELD), tmp_path / "run")
    resume_run(run, tiny_run_config(tiny_acdc, tiny_cache, *HELD, "training.epochs=5"))
    epochs = [record for record in history(run) if record["kind"] == "epoch"]
    assert [record["stage"] for record in epochs] == ["first"] * 2 + ["second"] * 3
    assert epochs[-1]["parts"]["consolidation"] > 0


def test_a_missing_consolidation_says_so(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = tiny_run_config(tiny_acdc, tiny_cache, *HELD)
    run = start_run(config, tmp_path / "run")
    run.consolidation.unlink()
    with pytest.raises(InputError, match=r"last cannot be resumed from(.|\n)*no consolidation\.safetensors in it"):
        resume_run(run, tiny_run_config(tiny_acdc, tiny_cache, *HELD, "training.epochs=5"))


def test_values_of_a_stage_for_another_number_of_classes_are_refused_before_anything_is_prepared(
    tiny_acdc: Path, tmp_path: Path
):
    stages = "training.stages={a: {epochs: 1}, b: {objective: {balance: {distribution: [0.5, 0.3, 0.2]}}}}"
    with pytest.raises(InputError, match=r"balance\.distribution does not fit the classes"):
        prepare_task(tiny_run_config(tiny_acdc, tmp_path / "cache", stages))
    assert not (tmp_path / "cache").exists()
