"""Starting a run in a new folder, and going on with one that was stopped."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.nn.utils import convert_conv2d_weight_memory_format

from medsize.config.loading import dump, load_resolved
from medsize.config.run import RunConfig
from medsize.config.training import TrainingConfig
from medsize.errors import InputError
from medsize.files import write_text
from medsize.inference.precision import resolve_device, resolve_precision
from medsize.run_folder import RunFolder
from medsize.supervision.settle import settle
from medsize.training.checkpoints import load_last
from medsize.training.display import Display
from medsize.training.environment import describe_environment
from medsize.training.interruption import interruption
from medsize.training.loop import Training
from medsize.training.optimisers import build_optimiser
from medsize.training.records import Records, require_tensorboard
from medsize.training.start_from import describe_start
from medsize.training.task import Task, prepare_task

# What a resumed run may change: how long and where it runs and what it shows, not what it learns from.
CHANGEABLE = frozenset(
    {
        "training.epochs",
        "training.validate_every",
        "training.early_stopping",
        "training.device",
        "training.tensorboard",
        "inference.crf",
        "evaluation.overlays",
        "data.cache",
    }
)


def start_run(config: RunConfig, folder: Path) -> RunFolder:
    """Train a new run.

    Args:
        config: What to train, on what and how.
        folder: The run folder; must not exist, or be empty.

    Returns:
        The run folder, holding the checkpoints ``last`` and, where there are validation cases, ``best``.

    Raises:
        InputError: The folder is taken, or the data, supervision or weights cannot be used.
        InterruptedTraining: Somebody asked to stop; ``resume_run`` goes on.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        is_run = RunFolder(folder).config.is_file()
        raise InputError(
            f"{folder} is taken",
            expected="a new or empty folder for the run",
            found="a run" if is_run else "other files" if folder.is_dir() else "a file",
            remedy="choose another with --output" + (f", or go on with it: --resume {folder}" if is_run else ""),
        )
    _require_machine(config.training)
    config = settle(config)
    task = prepare_task(config)
    run = RunFolder(folder)
    _write_down(run, config, task)
    _train(config, task, run)
    return run


def resume_run(run: RunFolder, config: RunConfig) -> RunFolder:
    """Go on with a run from its checkpoint ``last``.

    Args:
        run: The run.
        config: The configuration wanted now; from the run's own, only what is ``CHANGEABLE`` may differ.

    Returns:
        The same run folder.

    Raises:
        InputError: The configuration or the data is not what the run was started with.
        InterruptedTraining: Somebody asked to stop again.
    """
    started = load_resolved(run.config)
    config = settle(config)
    _require_same(run, started, config)
    _require_machine(config.training)
    task = prepare_task(config)
    _require_same_data(run, task)
    _write_down(run, config, task)
    _train(config, task, run)
    return run


def _train(config: RunConfig, task: Task, run: RunFolder) -> None:
    training = config.training
    device = resolve_device(training.device)
    precision = resolve_precision(training.precision, device)
    # Accelerate keeps device and precision for the process; a run before this one may have had others.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if precision == torch.bfloat16 else "no")
    network = convert_conv2d_weight_memory_format(task.network.to(accelerator.device), torch.channels_last)
    wrapped, optimiser = accelerator.prepare(network, build_optimiser(training.optimiser, network.parameters()))
    position = load_last(run, accelerator)
    records = Records(
        run.metrics,
        tensorboard=run.path / "tensorboard" if training.tensorboard else None,
        keep_bytes=position.metrics_bytes,
    )
    if accelerator.is_main_process:
        environment = {**describe_environment(accelerator.device, precision), "data": task.store.key}
        if config.network.start_from is not None:
            environment["start_from"] = describe_start(config.network.start_from)
        write_text(run.environment, json.dumps(environment, indent=2))
    with closing(records), interruption() as asked, Display(show=accelerator.is_main_process) as display:
        display.say(task.describe())
        Training(
            config=training,
            task=task,
            network=wrapped,
            optimiser=optimiser,
            accelerator=accelerator,
            precision=precision,
            run=run,
            records=records,
            position=position,
            interruption=asked,
            display=display,
        ).train()


def _require_machine(config: TrainingConfig) -> None:
    resolve_precision(config.precision, resolve_device(config.device))
    if config.tensorboard:
        require_tensorboard()


def _write_down(run: RunFolder, config: RunConfig, task: Task) -> None:
    write_text(run.config, dump(config))
    write_text(
        run.cases,
        pd.DataFrame([asdict(case) for case in task.cases]).rename(columns={"id": "case"}).to_csv(index=False),
    )
    write_text(run.size_targets, task.supervision.table.to_csv(index=False))
    supervision = {
        "seeds": config.supervision.seeds.model_dump(mode="json"),
        "sizes": config.supervision.sizes.model_dump(mode="json"),
        "nominal_noise": task.supervision.nominal_noise,
        "measured_noise": task.supervision.measured_noise,
        "seed_pixels": task.supervision.seed_pixels,
    }
    write_text(run.supervision, json.dumps(supervision, indent=2))


def _require_same(run: RunFolder, started: RunConfig, wanted: RunConfig) -> None:
    before, now = _flat(started.model_dump(mode="json")), _flat(wanted.model_dump(mode="json"))
    changed = [
        f"{key}: {before.get(key)} then, {now.get(key)} now"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not any(key.startswith(free) for free in CHANGEABLE)
    ]
    if changed:
        raise InputError(
            f"{run.path} was started with another configuration",
            found="; ".join(changed),
            remedy="resume without these changes, or start a new run",
        )


def _require_same_data(run: RunFolder, task: Task) -> None:
    if not run.environment.is_file():  # stopped before anything was trained
        return
    try:
        began = json.loads(run.environment.read_text("utf-8"))["data"]
        same_sizes = run.size_targets.read_text("utf-8") == task.supervision.table.to_csv(index=False)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{run.path} does not say what it was trained on",
            expected=f"{run.environment.name} and {run.size_targets.name} as 'medsize train' writes them",
            found=str(error),
            remedy="copy the run folder again, whole, or start a new run",
        ) from error
    if began != task.store.key or not same_sizes:
        raise InputError(
            f"{run.path} was started on other data",
            expected=f"the slice store {began} and the sizes in {run.size_targets.name}",
            found=f"the slice store {task.store.key}" + ("" if began != task.store.key else " and other sizes"),
            remedy="bring the images, labels and sizes back as they were, or start a new run",
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
