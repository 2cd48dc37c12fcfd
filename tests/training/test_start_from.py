"""A run starts from the network of another one."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from medsize.config.layers import layer_from_assignment
from medsize.config.loading import load_config
from medsize.errors import InputError, InputErrors
from medsize.networks.weight_files import read_safetensors
from medsize.run_folder import RunFolder
from medsize.training import resume_run, start_run
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.training.runs import same_weights, weights


def test_a_run_starts_with_all_the_weights_of_another(
    run: RunFolder, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    config = tiny_run_config(tiny_acdc, tiny_cache, f"network.start_from={run.path}")
    started = prepare_task(config).network.state_dict()
    assert all(torch.equal(started[name], tensor) for name, tensor in weights(run).items())
    again = start_run(config, tmp_path / "again")
    assert not same_weights(run, again)
    about = json.loads(again.environment.read_text("utf-8"))["start_from"]
    assert about["weights"] == str(run.weights("last"))
    assert len(about["sha256"]) == 64
    assert resume_run(again, config) == again


def test_another_network_is_refused_before_anything_is_prepared(run: RunFolder, tiny_acdc: Path, tmp_path: Path):
    config = tiny_run_config(
        tiny_acdc, tmp_path / "cache", "network.channels=[4, 16]", f"network.start_from={run.path}"
    )
    with pytest.raises(InputError, match=r"trained another network(?s:.)*expected:(?s:.)*found:(?s:.)*tensors differ"):
        start_run(config, tmp_path / "other")
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: shutil.rmtree(run.path), "is not a run"),
        (lambda run: shutil.rmtree(run.checkpoint("last")), "has no checkpoint to start from"),
        (lambda run: run.weights("last").write_bytes(b"garbage"), "cannot be read"),
    ],
)
def test_a_run_that_cannot_be_started_from_says_so(
    run: RunFolder, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path, damage, message: str
):
    damage(run)
    with pytest.raises(InputError, match=message):
        start_run(tiny_run_config(tiny_acdc, tiny_cache, f"network.start_from={run.path}"), tmp_path / "other")


def test_images_that_are_normalised_otherwise_are_refused(run: RunFolder, tiny_acdc: Path, tmp_path: Path):
    config = tiny_run_config(tiny_acdc, tmp_path / "cache", "network.mean=0.4", f"network.start_from={run.path}")
    with pytest.raises(InputError, match=r"sees images otherwise(?s:.)*network.mean: 0.5(?s:.)*network.mean: 0.4"):
        start_run(config, tmp_path / "other")


def test_weights_that_are_not_finite_are_refused(run: RunFolder, tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    path = run.weights("last")
    spoiled, metadata = read_safetensors(path)
    next(iter(spoiled.values())).fill_(torch.inf)
    save_file(spoiled, path, metadata)
    with pytest.raises(InputError, match=r"model.safetensors cannot be used(?s:.)*not finite"):
        start_run(tiny_run_config(tiny_acdc, tiny_cache, f"network.start_from={run.path}"), tmp_path / "other")


def test_published_weights_and_a_run_are_not_both_started_from(tmp_path: Path):
    both = [layer_from_assignment("network.weights=a.pth"), layer_from_assignment("network.start_from=run")]
    with pytest.raises(InputErrors, match="give weights or start_from"):
        load_config("acdc", both)
