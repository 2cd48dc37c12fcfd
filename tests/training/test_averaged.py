"""The averaged network is the average, is what predicts, and is the same in every process and after every stop."""

import json
import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.errors import InputError, InputErrors
from medsize.inference.load import Predictor
from medsize.networks.weight_files import read_metadata
from medsize.run_folder import RunFolder
from medsize.training import loop, resume_run, start_run
from medsize.training.averaged import AveragedNetwork, decay_at
from medsize.training.task import prepare_task
from medsize.training.validation import Validation, validate
from tests.conftest import tiny_run_config
from tests.training.runs import history, same_training_weights, same_weights, stopped_and_resumed, weights
from tests.training.test_stages import ANNEALING, HELD

EMA = "training.ema={decay: 0.9}"
NORMALISED = "network={name: mobilenetv2_unet, decoder_channels: [4, 4, 4, 4, 4]}"
"""A network with batch normalisation, so with running statistics and counts."""


def of_training(run: RunFolder) -> dict[str, Tensor]:
    return load_file(run.training_weights)


def averaged_in_plain_python(states: list[dict[str, Tensor]], decay: float) -> dict[str, np.ndarray]:
    """Average the first state, before any step, and those after each step, by the definition."""
    average = {name: tensor.numpy().astype(np.float64) for name, tensor in states[0].items()}
    for step, state in enumerate(states[1:]):
        kept = min(decay, (1 + step) / (10 + step))
        for name, tensor in state.items():
            now = tensor.numpy().astype(np.float64)
            average[name] = kept * average[name] + (1 - kept) * now if tensor.is_floating_point() else now
    return average


def test_the_decay_grows_to_the_one_asked_for():
    assert [decay_at(step, 0.5) for step in (0, 1, 5, 8, 9, 1000)] == [0.1, 2 / 11, 6 / 15, 0.5, 0.5, 0.5]


def test_the_average_is_that_of_a_plain_loop_over_the_steps_statistics_too():
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1)).train()
    averaged = AveragedNetwork(network, 0.6)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    states = [{name: tensor.clone() for name, tensor in network.state_dict().items()}]
    for step in range(20):
        optimiser.zero_grad()
        network(torch.randn(4, 1, 8, 8, generator=generator)).square().mean().backward()
        optimiser.step()
        averaged.update(step)
        states.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
    expected = averaged_in_plain_python(states, 0.6)
    found = averaged.network.state_dict()
    assert found.keys() == expected.keys()
    for name, average in expected.items():
        torch.testing.assert_close(found[name].double(), torch.as_tensor(average).double(), rtol=1e-5, atol=1e-6)
    assert found["1.num_batches_tracked"] == 20
    assert not torch.allclose(found["1.running_var"], network.state_dict()["1.running_var"], rtol=1e-4)


def test_the_average_neither_trains_nor_leaves_evaluation_mode():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    averaged = AveragedNetwork(network, 0.9)
    assert network.training
    assert not any(module.training for module in averaged.network.modules())
    assert not any(parameter.requires_grad for parameter in averaged.network.parameters())


def test_weights_that_do_not_move_are_their_own_average():
    network = nn.Linear(50, 50)
    averaged = AveragedNetwork(network, 0.9)
    for step in range(30):
        averaged.update(step)
    assert torch.equal(averaged.network.weight, network.weight)


def test_a_run_keeps_the_average_of_its_steps_and_the_weights_of_the_last(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    states: list[dict[str, Tensor]] = []
    train_step = loop.Training.train_step

    def recorded(self: loop.Training, *args: Any) -> Any:
        first = [] if states else [{name: tensor.clone() for name, tensor in self.bare_network.state_dict().items()}]
        value = train_step(self, *args)
        states.extend([*first, {name: tensor.clone() for name, tensor in self.bare_network.state_dict().items()}])
        return value

    monkeypatch.setattr(loop.Training, "train_step", recorded)
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, EMA), tmp_path / "run")
    expected = averaged_in_plain_python(states, 0.9)
    for name, tensor in weights(run).items():
        torch.testing.assert_close(tensor.double(), torch.as_tensor(expected[name]), rtol=1e-5, atol=1e-6)
    assert all(torch.equal(tensor, states[-1][name]) for name, tensor in of_training(run).items())
    listed = json.loads(run.position("last").read_text("utf-8"))["files"]
    assert listed.keys() == {"model.safetensors", "training_weights.safetensors", "optimiser.pt"}


def test_an_average_changes_nothing_about_the_training(
    run: RunFolder, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    averaged = start_run(tiny_run_config(tiny_acdc, tiny_cache, EMA), tmp_path / "averaged")
    trained = of_training(averaged)
    assert all(torch.equal(trained[name], tensor) for name, tensor in weights(run).items())
    assert not run.training_weights.exists()
    losses = [[record["loss"] for record in history(of) if record["kind"] == "epoch"] for of in (run, averaged)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_validates_and_predicts_is_the_average(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
):
    predicted: list[Tensor] = []
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))

    def validated(network: nn.Module, *args: Any, **options: Any) -> object:
        with torch.no_grad():
            predicted.append(network(images))
        return validate(network, *args, **options)

    monkeypatch.setattr(loop, "validate", validated)
    config = tiny_run_config(tiny_acdc, tiny_cache, EMA, f"training.precision={precision}")
    run = start_run(config, tmp_path / "run")
    predictor = Predictor.load(run)
    with torch.no_grad():
        torch.testing.assert_close(predictor.network(images), predicted[-1])
        predictor.network.load_state_dict(of_training(run))
        assert not torch.allclose(predictor.network(images), predicted[-1], rtol=1e-2)


def test_best_is_the_average_of_its_epoch(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    validated: list[dict[str, Tensor]] = []

    def equally_good(network: nn.Module, *_args: Any, **_options: Any) -> Validation:
        validated.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return Validation({"lv": 0.5}, 0.5)

    monkeypatch.setattr(loop, "validate", equally_good)  # so that the first stays the best
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, EMA), tmp_path / "run")
    assert [path.name for path in sorted(run.checkpoint("best").iterdir())] == ["model.safetensors", "position.json"]
    for name, number in (("best", 0), ("last", 1)):
        assert all(torch.equal(tensor, validated[number][key]) for key, tensor in weights(run, name).items())


@pytest.mark.parametrize(
    ("options", "step"),
    [((), 1), ((), 7), ((NORMALISED,), 9), (ANNEALING, 13), (HELD, 12), (HELD, 17)],
    ids=["first step", "plain", "batch normalisation", "restarted optimiser", "at consolidation", "consolidated"],
)
def test_an_averaged_run_stopped_anywhere_ends_with_the_same_weights(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch, options: tuple[str, ...], step: int
):
    config = tiny_run_config(tiny_acdc, tiny_cache, EMA, *options)
    whole = start_run(config, tmp_path / "whole")
    stopped = stopped_and_resumed(config, tmp_path / "stopped", monkeypatch, step=step)
    assert same_weights(whole, stopped)
    assert same_training_weights(whole, stopped)
    assert history(whole) == history(stopped)


def test_consolidation_holds_the_weights_that_train(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    saved: list[dict[str, Tensor]] = []
    save = loop.Training.save

    def recorded(self: loop.Training) -> None:
        saved.append({name: tensor.clone() for name, tensor in self.bare_network.state_dict().items()})
        save(self)

    monkeypatch.setattr(loop.Training, "save", recorded)
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, EMA, *HELD), tmp_path / "run")
    held = {
        name.removeprefix("anchor."): tensor
        for name, tensor in load_file(run.consolidation).items()
        if name.startswith("anchor.")
    }
    assert held
    assert all(torch.equal(tensor, saved[1][name]) for name, tensor in held.items()), "as the first stage ended"


def test_a_run_that_starts_from_an_averaged_one_starts_from_the_average(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, EMA), tmp_path / "run")
    started = prepare_task(tiny_run_config(tiny_acdc, tiny_cache, f"network.start_from={run.path}")).network
    assert all(torch.equal(started.state_dict()[name], tensor) for name, tensor in weights(run).items())


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ("null", "{decay: 0.9}", r"training\.ema\.decay: None then, 0\.9 now"),
        ("{decay: 0.9}", "{decay: 0.8}", r"training\.ema\.decay: 0\.9 then, 0\.8 now"),
        ("{decay: 0.9}", "null", r"training\.ema\.decay: 0\.9 then, None now"),
    ],
)
def test_a_run_is_not_resumed_with_another_average(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, then: str, now: str, said: str
):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=1", f"training.ema={then}"), tmp_path / "r")
    with pytest.raises(InputError, match=rf"started with another configuration(.|\n)*{said}"):
        resume_run(run, tiny_run_config(tiny_acdc, tiny_cache, f"training.ema={now}"))


def test_weights_say_that_they_are_averages_and_a_configuration_that_does_not_is_refused(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    run = start_run(tiny_run_config(tiny_acdc, tiny_cache, EMA, "training.epochs=1"), tmp_path / "run")
    for name in ("last", "best"):
        assert json.loads(read_metadata(run.weights(name))["medsize"])["ema"] == {"decay": 0.9}
    text = run.config.read_text("utf-8")
    run.config.write_text(text.replace("decay: 0.9", "decay: 0.95"))
    assert load_resolved(run.config).training.ema != tiny_run_config(tiny_acdc, tiny_cache, EMA).training.ema
    with pytest.raises(InputError, match=r"training\.ema\.decay: 0\.9 in the weights, 0\.95 in config\.yaml"):
        Predictor.load(run)


@pytest.mark.parametrize("decay", ["0", "1", "1.5", "-0.1", "much"])
def test_a_decay_that_is_no_share_is_refused(tiny_acdc: Path, tiny_cache: Path, decay: str):
    with pytest.raises(InputErrors, match=r"training\.ema\.decay"):
        tiny_run_config(tiny_acdc, tiny_cache, f"training.ema.decay={decay}")


def test_every_process_holds_the_average_that_is_written(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = tiny_run_config(tiny_acdc, tiny_cache, EMA, NORMALISED, "training.epochs=1", "training.batch_size=6")
    prepare_task(config)  # the slice store, which both then find
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["medsize.training"])
    children = [
        context.Process(target=_train_as, args=(rank, port, config, tmp_path / "run", tmp_path / f"{rank}.pt"))
        for rank in (0, 1)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    held = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    written = weights(RunFolder(tmp_path / "run"))
    for name, tensor in written.items():
        assert torch.equal(held[0]["predicts"][name], tensor)
        assert torch.equal(held[1]["predicts"][name], tensor)
    trained = [of["trains"] for of in held]
    assert any(not torch.equal(trained[0][name], trained[1][name]) for name in written if "running" in name)


def _train_as(rank: int, port: int, config: RunConfig, folder: Path, into: Path) -> None:
    """Train as one of two processes, as torchrun starts them, and leave what this one holds in the end."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "ACCELERATE_USE_CPU": "true"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    save = loop.Training.save

    def recorded(self: loop.Training) -> None:
        torch.save({"predicts": self.predictor.state_dict(), "trains": self.bare_network.state_dict()}, into)
        save(self)

    loop.Training.save = recorded  # type: ignore[method-assign]  # in a process of its own
    start_run(config, folder)
    torch.distributed.destroy_process_group()
