"""Checkpoints are whole or not there."""

import json
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from medsize.config.loading import load_resolved
from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.inference.meaning import Meaning
from medsize.networks.weight_files import read_metadata, read_safetensors
from medsize.run_folder import RunFolder
from medsize.training import resume_run, start_run
from tests.conftest import tiny_run_config
from tests.training.runs import history, same_training_weights, same_weights


def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.ema={decay: 0.9}")  # which has the most files
    run = start_run(config, tmp_path / "run")
    began = time.monotonic()
    start_run(config, tmp_path / "timed")
    duration = time.monotonic() - began
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["medsize.training", "tests.training.runs"])
    rng = random.Random(0)
    for number in range(10):
        folder = tmp_path / f"killed{number}"
        child = context.Process(target=start_run, args=(config, folder))
        child.start()
        child.join(rng.uniform(0.2, 1.5) * duration)
        child.kill()
        child.join()
        if RunFolder(folder).config.is_file():
            resume_run(RunFolder(folder), config)
        else:
            start_run(config, folder)
        assert same_weights(run, RunFolder(folder))
        assert same_training_weights(run, RunFolder(folder))
        assert history(run) == history(RunFolder(folder))
        leftovers = [path.name for path in (folder / "checkpoints").iterdir()]
        assert sorted(leftovers) == ["best", "last"]


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def flip_a_bit(name: str) -> Callable[[Path], object]:
    def flip(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[-20] ^= 1
        (folder / name).write_bytes(content)

    return flip


def position(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def rewrite(folder: Path) -> None:
        content = json.loads((folder / "position.json").read_text("utf-8"))
        change(content)
        (folder / "position.json").write_text(json.dumps(content), "utf-8")

    return rewrite


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty folder": (lambda folder: [file.unlink() for file in folder.iterdir()], "position.json: no such file"),
    "position cut": (cut("position.json"), "position.json is no JSON"),
    "position of bytes": (lambda folder: (folder / "position.json").write_bytes(b"\0\xff"), "is no text"),
    "position of a list": (lambda folder: (folder / "position.json").write_text("[]"), "no mapping"),
    "epoch a word": (position(lambda content: content.update(epoch="x")), "position.json: epoch"),
    "epoch negative": (position(lambda content: content.update(epoch=-1)), "position.json: epoch"),
    "no configuration": (position(lambda content: content.pop("config")), "not say what the training learned from"),
    "another configuration": (position(lambda content: content.update(config={})), "position.json: objective"),
    "no digests": (position(lambda content: content.pop("files")), "does not list the checkpoint's files"),
    "weights cut": (cut("model.safetensors"), "model.safetensors is not the file that was written"),
    "weights flipped": (flip_a_bit("model.safetensors"), "model.safetensors is not the file that was written"),
    "weights gone": (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors in it"),
    "optimiser cut": (cut("optimiser.pt"), "optimiser.pt is not the file that was written"),
    "optimiser gone": (lambda folder: (folder / "optimiser.pt").unlink(), "no optimiser.pt in it"),
    "training weights cut": (cut("training_weights.safetensors"), "training_weights.safetensors is not the file that"),
    "training weights flipped": (flip_a_bit("training_weights.safetensors"), "training_weights.safetensors is not the"),
    "training weights gone": (
        lambda folder: (folder / "training_weights.safetensors").unlink(),
        "no training_weights.safetensors in it",
    ),
    "training weights unlisted": (
        position(lambda content: content["files"].pop("training_weights.safetensors")),
        "does not list the checkpoint's files",
    ),
}


@pytest.fixture(scope="module")
def finished(tiny_acdc: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that tests copy."""
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=1", "training.ema={decay: 0.9}")
    return start_run(config, tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def run_of_one_epoch(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy that a test may damage."""
    return RunFolder(shutil.copytree(finished.path, tmp_path / "copy"))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_says_what_is_wrong_and_changes_nothing(run_of_one_epoch: RunFolder, name: str):
    run = run_of_one_epoch
    damage, said = DAMAGES[name]
    damage(run.checkpoint("last"))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=rf"last cannot be resumed from(.|\n)*{said}(.|\n)*start the run anew"):
        resume_run(run, load_resolved(run.config))
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def put_in_place(run: RunFolder, name: str, weights: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Replace a file of the checkpoint last, as if it had been written with the others."""
    path = run.checkpoint("last") / name
    save_file(weights, path, metadata)
    position(lambda content: content["files"].update({name: file_digest(path)}))(path.parent)


@pytest.mark.parametrize("state", [{"state": {}, "param_groups": []}, [3], {"lr": torch.ones(1)}])
def test_the_state_of_another_optimiser_is_refused(run_of_one_epoch: RunFolder, state: object):
    run = run_of_one_epoch
    torch.save(state, run.optimiser)
    position(lambda content: content["files"].update({run.optimiser.name: file_digest(run.optimiser)}))(
        run.checkpoint("last")
    )
    with pytest.raises(InputError, match="last cannot be resumed from"):
        resume_run(run, load_resolved(run.config))


@pytest.mark.parametrize("name", ["model.safetensors", "training_weights.safetensors"])
def test_weights_that_are_not_finite_are_not_resumed_from(run_of_one_epoch: RunFolder, name: str):
    run = run_of_one_epoch
    weights, metadata = read_safetensors(run.checkpoint("last") / name)
    next(iter(weights.values())).fill_(torch.nan)
    put_in_place(run, name, weights, metadata)
    with pytest.raises(InputError, match=rf"{name} cannot be used(.|\n)*not finite"):
        resume_run(run, load_resolved(run.config))


@pytest.mark.parametrize("name", ["model.safetensors", "training_weights.safetensors"])
def test_weights_of_another_network_are_not_resumed_from(run_of_one_epoch: RunFolder, name: str):
    run = run_of_one_epoch
    weights, metadata = read_safetensors(run.checkpoint("last") / name)
    first = next(iter(weights))
    put_in_place(run, name, {**weights, first: torch.zeros(3)}, metadata)
    with pytest.raises(InputError, match=rf"last cannot be resumed from(.|\n)*size mismatch for {first}"):
        resume_run(run, load_resolved(run.config))


def test_both_checkpoints_say_what_they_were_trained_on(run_of_one_epoch: RunFolder):
    run = run_of_one_epoch
    for name in ("last", "best"):
        assert Meaning.in_metadata(read_metadata(run.weights(name))) == Meaning.of(load_resolved(run.config))
        assert json.loads(run.position(name).read_text("utf-8"))["files"]["model.safetensors"] == file_digest(
            run.weights(name)
        )


@pytest.mark.skipif(os.name != "posix" or not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_the_usual_message_and_the_checkpoint_before_stays(
    run_of_one_epoch: RunFolder, tiny_acdc: Path, tiny_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    run = run_of_one_epoch
    before = run.weights("last").read_bytes()

    def full(*_: object, **__: object) -> None:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    longer = tiny_run_config(tiny_acdc, tiny_cache, "training.epochs=2", "training.ema={decay: 0.9}")
    for writer in ("medsize.training.checkpoints.torch.save", "medsize.training.checkpoints.save_file"):
        with monkeypatch.context() as patch:
            patch.setattr(writer, full)
            with pytest.raises(InputError, match=r"cannot write(.|\n)*No space left(.|\n)*free some space"):
                resume_run(run, longer)
        assert run.weights("last").read_bytes() == before
    resume_run(run, longer)
    assert json.loads(run.position("last").read_text("utf-8"))["epoch"] == 2
