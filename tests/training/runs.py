"""Reading, stopping and resuming runs, and a data set for people's seeds."""

import json
import os
import signal
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.run_folder import RunFolder
from medsize.training import InterruptedTraining, loop, resume_run, start_run


def weights(run: RunFolder, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run.weights(name))


def same_weights(one: RunFolder, other: RunFolder) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def same_training_weights(one: RunFolder, other: RunFolder) -> bool:
    """Tell whether the weights that train are the same, of runs that predict with averages."""
    first, second = load_file(one.training_weights), load_file(other.training_weights)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def history(run: RunFolder) -> list[dict[str, object]]:
    records = [json.loads(line) for line in run.metrics.read_text("utf-8").splitlines()]
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


def stopped_and_resumed(config: RunConfig, folder: Path, monkeypatch: pytest.MonkeyPatch, *, step: int) -> RunFolder:
    """Train, ask to stop in a step (from 1), and go on to the end."""
    steps = 0
    train_step = loop.Training.train_step

    def step_with_signal(self: loop.Training, *args: object) -> object:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(self, *args)

    monkeypatch.setattr(loop.Training, "train_step", step_with_signal)
    with pytest.raises(InterruptedTraining) as caught:
        start_run(config, folder)
    resume_run(caught.value.run, load_resolved(caught.value.run.config))
    return caught.value.run


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
