"""Starting a run in a new folder, and going on with one that was stopped."""

from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Final

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.nn.utils import convert_conv2d_weight_memory_format

from medsize.claim import CLAIM, claimed
from medsize.config.keys import differing
from medsize.config.loading import dump, load_resolved
from medsize.config.run import RunConfig
from medsize.config.training import TrainingConfig
from medsize.errors import InputError
from medsize.files import remove_abandoned, write_text
from medsize.inference.precision import resolve_device, resolve_precision
from medsize.run.cases import write_cases
from medsize.run.notes import write_notes
from medsize.run.records import Records, require_records, require_tensorboard
from medsize.run.size_targets import write_size_targets
from medsize.run_folder import RunFolder
from medsize.supervision.complete_config import complete_config
from medsize.tables import table_text
from medsize.text import read_json, read_text
from medsize.training.averaged import AveragedNetwork
from medsize.training.checkpoints import Position, Resumed, find_last, load_last
from medsize.training.display import Display
from medsize.training.environment import describe_environment
from medsize.training.interruption import interruption
from medsize.training.loop import Training
from medsize.training.optimisers import build_optimiser
from medsize.training.processes import is_first
from medsize.training.start_from import describe_start
from medsize.training.task import Task, prepare_task

# What a resumed run may change: how long and where it runs, what it shows and how it is measured afterwards, not what
# it learns from.
CHANGEABLE = frozenset(
    {
        "training.epochs",
        "training.validate_every",
        "training.early_stopping",
        "training.device",
        "training.tensorboard",
        "inference",
        "evaluation",
        "data.cache",
    }
)
_DOING: Final = "training"


def start_run(config: RunConfig, folder: Path) -> RunFolder:
    """Train a new run.

    Args:
        config: What to train, on what and how.
        folder: The run folder; must not exist, or be empty.

    Returns:
        The run folder, holding the checkpoints ``last`` and, where there are validation cases, ``best``.

    Raises:
        InputError: The folder is taken, another process is at work in it, or the data, supervision or weights cannot
            be used.
        InterruptedTraining: Somebody asked to stop; ``resume_run`` goes on.
    """
    if folder.exists() and not folder.is_dir():
        raise _taken(folder, "a file")
    run = RunFolder(folder)
    with _claimed(run):
        _require_free(run)
        _require_machine(config.training)
        task = prepare_task(config)
        _train(task.config, task, run, None)
    return run


def resume_run(run: RunFolder, config: RunConfig) -> RunFolder:
    """Go on with a run from its checkpoint ``last``.

    Args:
        run: The run.
        config: The configuration wanted now; from what the run has learned from, only what is ``CHANGEABLE`` may
            differ.

    Returns:
        The same run folder.

    Raises:
        InputError: The configuration or the data is not what the run was started with, its checkpoint is damaged, or
            another process is at work in its folder.
        InterruptedTraining: Somebody asked to stop again.
    """
    with _claimed(run):
        last = find_last(run)
        config = complete_config(config)
        _require_same(run, last.config if last else load_resolved(run.config), config)
        _require_machine(config.training)
        if last:
            require_records(run.metrics, last.position.metrics_bytes)
        task = prepare_task(config)
        _require_same_data(run, task)
        _train(config, task, run, last)
    return run


def _claimed(run: RunFolder) -> AbstractContextManager[None]:
    return claimed(run.path, _DOING) if is_first() else nullcontext()


def _require_free(run: RunFolder) -> None:
    if not is_first():  # the first process has looked, and may have begun to write
        return
    remove_abandoned(run.path)
    if {entry.name for entry in run.path.iterdir()} - {CLAIM}:
        raise _taken(run.path, "a run" if run.config.is_file() else "other files")


def _taken(folder: Path, found: str) -> InputError:
    return InputError(
        f"{folder} is taken",
        expected="a new or empty folder for the run",
        found=found,
        remedy="choose another with --output" + (f", or go on with it: --resume {folder}" if found == "a run" else ""),
    )


def _train(config: RunConfig, task: Task, run: RunFolder, last: Resumed | None) -> None:
    training = config.training
    device = resolve_device(training.device)
    precision = resolve_precision(training.precision, device)
    # Accelerate keeps device and precision for the process; a run before this one may have had others.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if precision == torch.bfloat16 else "no")
    network = convert_conv2d_weight_memory_format(task.network.to(accelerator.device), torch.channels_last)
    averaged = AveragedNetwork(network, training.ema.decay) if training.ema else None
    wrapped, optimiser = accelerator.prepare(network, build_optimiser(training.optimiser, network.parameters()))
    if last:
        load_last(run, accelerator.unwrap_model(wrapped), optimiser.optimizer, averaged)
    if accelerator.is_main_process:
        _write_down(run, config, task, describe_environment(accelerator.device, precision))
    accelerator.wait_for_everyone()
    position = last.position if last else Position()
    records = Records(
        run.metrics,
        tensorboard=run.path / "tensorboard" if training.tensorboard else None,
        keep_bytes=position.metrics_bytes,
    )
    with closing(records), interruption() as asked, Display(show=accelerator.is_main_process) as display:
        display.say(task.describe())
        Training(
            run_config=config,
            task=task,
            network=wrapped,
            averaged=averaged,
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


def _write_down(run: RunFolder, config: RunConfig, task: Task, environment: dict[str, object]) -> None:
    write_text(run.config, dump(config))
    write_cases(run, task.cases)
    write_size_targets(run, task.supervision.table)
    supervision = {
        "seeds": config.supervision.seeds.model_dump(mode="json"),
        "sizes": config.supervision.sizes.model_dump(mode="json"),
        "nominal_noise": task.supervision.nominal_noise,
        "measured_noise": task.supervision.measured_noise,
        "seed_pixels": task.supervision.seed_pixels,
        "pseudo_labels": task.supervision.pseudo_labels,
    }
    write_notes(run.supervision, supervision)
    environment["data"] = task.store.key
    if config.network.start_from is not None:
        environment["start_from"] = describe_start(config.network.start_from)
    write_notes(run.environment, environment)


def _require_same(run: RunFolder, started: RunConfig, wanted: RunConfig) -> None:
    changed = {
        key: values
        for key, values in differing(started.model_dump(mode="json"), wanted.model_dump(mode="json")).items()
        if not any(key == free or key.startswith(f"{free}.") for free in CHANGEABLE)
    }
    if changed:
        raise InputError(
            f"{run.path} was started with another configuration",
            found="; ".join(f"{key}: {then} then, {now} now" for key, (then, now) in changed.items()),
            remedy=f"resume without these changes (set them back in {run.config.name} if they are there), or start a "
            "new run",
        )


def _require_same_data(run: RunFolder, task: Task) -> None:
    if not run.environment.is_file():  # stopped before anything was trained
        return
    try:
        began = read_json(run.environment, "what 'medsize train' writes")["data"]
        same_sizes = read_text(run.size_targets, "the sizes that 'medsize train' writes") == table_text(
            task.supervision.table
        )
    except (InputError, KeyError, TypeError) as error:
        raise InputError(
            f"{run.path} does not say what it was trained on",
            expected=f"{run.environment.name} and {run.size_targets.name} as 'medsize train' writes them",
            found=error.problem if isinstance(error, InputError) else f"no 'data' in {run.environment.name}",
            remedy="copy the run folder again, whole, or start a new run",
        ) from error
    if began != task.store.key or not same_sizes:
        raise InputError(
            f"{run.path} was started on other data",
            expected=f"the slice store {began} and the sizes in {run.size_targets.name}",
            found=f"the slice store {task.store.key}" + ("" if began != task.store.key else " and other sizes"),
            remedy="bring the images, labels and sizes back as they were, or start a new run",
        )
