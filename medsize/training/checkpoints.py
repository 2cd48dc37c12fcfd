"""Checkpoints: whole or not there, whatever happens while they are written, and taken for what they are."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import torch
from pydantic import Field, TypeAdapter, ValidationError
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from medsize.config.run import RunConfig
from medsize.data.batches import Given
from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.files import atomic_folder, remove_abandoned, restore_folder
from medsize.inference.extent import Extent
from medsize.inference.load import require_usable
from medsize.inference.meaning import Meaning
from medsize.losses import ElasticWeightConsolidation
from medsize.networks.weight_files import read_safetensors
from medsize.run.relabelled import write_relabelled
from medsize.run.sizes_while_learning import write_sums
from medsize.run_folder import Checkpoint, RunFolder
from medsize.text import read_json
from medsize.training.averaged import AveragedNetwork
from medsize.training.consolidation import save_consolidation
from medsize.training.sizes_while_learning import SizesWhileLearning

_REMEDY: Final = "copy the run folder again, whole, or start the run anew in another folder"
_Count = Annotated[int, Field(ge=0)]


@dataclass(slots=True)
class Position:
    """Where a training stands; everything else about it follows from the configuration.

    Attributes:
        epoch: Epochs finished.
        batch: Batches finished of the epoch under way.
        sums: Sums over those batches of the loss and its parts.
        seconds: Time spent on those batches.
        best: Best validation ``dice_scan`` so far, and its epoch.
        stale: Validations since then.
        metrics_bytes: Length of ``metrics.jsonl``.
    """

    epoch: _Count = 0
    batch: _Count = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best: float | None = None
    best_epoch: _Count | None = None
    stale: _Count = 0
    metrics_bytes: _Count = 0


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a run goes on from.

    Attributes:
        position: Where it stands.
        config: What it has learned from so far; not ``config.yaml``, which anybody may edit.
    """

    position: Position
    config: RunConfig


def save_last(
    run: RunFolder,
    config: RunConfig,
    extent: Extent | None,
    network: nn.Module,
    optimiser: Optimizer,
    position: Position,
    *,
    averaged: AveragedNetwork | None = None,
    sizes: SizesWhileLearning | None = None,
    consolidation: ElasticWeightConsolidation | None = None,
    relabelled: Given | None = None,
) -> None:
    """Replace ``checkpoints/last`` by the present state, to predict from and to resume from.

    Args:
        run: The run.
        config: Of the run.
        extent: How large the images are that train.
        network: The one that trains, not wrapped.
        optimiser: Over its parameters.
        position: Where the training stands.
        averaged: The one that predicts, where that is another.
        sizes: What was predicted of the training slices.
        consolidation: How parameters are held, if they are.
        relabelled: What the network has labelled, if it has.
    """
    with atomic_folder(run.checkpoint("last")) as folder:
        torch.save(optimiser.state_dict(), folder / run.optimiser.name)
        if sizes:
            sums = {name: tensor.numpy() for name, tensor in sizes.tensors().items()}
            write_sums(folder / run.sizes_while_learning.name, sums)
        if consolidation:
            save_consolidation(consolidation, folder / run.consolidation.name)
        if relabelled:
            write_relabelled(folder / run.relabelled.name, relabelled)
        if averaged:
            save_file(_state(network), folder / run.training_weights.name)
        _save_network(run, folder, config, extent, averaged.network if averaged else network, position)


def save_best(run: RunFolder, config: RunConfig, extent: Extent | None, network: nn.Module, position: Position) -> None:
    """Replace ``checkpoints/best`` by the network that predicts now."""
    with atomic_folder(run.checkpoint("best")) as folder:
        _save_network(run, folder, config, extent, network, position)


def _save_network(
    run: RunFolder, folder: Path, config: RunConfig, extent: Extent | None, network: nn.Module, position: Position
) -> None:
    about = {"format": "pt", "epoch": str(position.epoch), "torch": torch.__version__, **Meaning.of(config).metadata()}
    about |= extent.metadata() if extent else {}
    save_file(_state(network), folder / run.weights("last").name, metadata=about)
    content = {
        **asdict(position),
        "files": {file.name: file_digest(file) for file in sorted(folder.iterdir())},
        "config": config.model_dump(mode="json"),
    }
    (folder / run.position("last").name).write_text(json.dumps(content), "utf-8")


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}


def find_last(run: RunFolder) -> Resumed | None:
    """Return what the checkpoint ``last`` says; None if the run was stopped before its first one.

    Raises:
        InputError: A file of it is missing, damaged, or not the one that was written with the others.
    """
    for name in ("last", "best"):
        restore_folder(run.checkpoint(name))
    remove_abandoned(run.checkpoint("last").parent)
    if not run.checkpoint("last").exists():
        return None
    content = _read_position(run, "last")
    try:
        position = TypeAdapter(Position).validate_python(content)
        config = RunConfig.model_validate(content["config"])
    except (ValidationError, KeyError) as error:
        raise _damaged(run, f"{run.position('last').name}: {_first(error)}") from error
    for name, digest in _files(run, content, config).items():
        path = run.checkpoint("last") / name
        if not path.is_file():
            raise _damaged(run, f"no {name} in it")
        if file_digest(path) != digest:
            raise _damaged(run, f"{name} is not the file that was written with the others")
    return Resumed(position, config)


def load_last(
    run: RunFolder, network: nn.Module, optimiser: Optimizer, averaged: AveragedNetwork | None = None
) -> None:
    """Bring back the weights and the optimiser's state of ``checkpoints/last``.

    Args:
        run: The run.
        network: The one that trains, not wrapped.
        optimiser: Over its parameters.
        averaged: The one that predicts, where that is another.

    Raises:
        InputError: They are damaged, or of another network.
    """
    try:
        if averaged:
            _load(averaged.network, run.weights("last"))
        _load(network, run.training_weights if averaged else run.weights("last"))
        optimiser.load_state_dict(torch.load(run.optimiser, map_location="cpu", weights_only=True))
    except InputError:
        raise
    except Exception as error:  # an unpickler fed arbitrary bytes can raise anything
        raise _damaged(run, str(error) or type(error).__name__) from error


def _load(network: nn.Module, path: Path) -> None:
    weights, _ = read_safetensors(path)
    require_usable(path, weights)
    network.load_state_dict(weights)


def _read_position(run: RunFolder, name: Checkpoint) -> dict[str, Any]:
    path = run.position(name)
    try:
        content = read_json(path, "where the training stands, as 'medsize train' writes it")
    except InputError as error:
        raise _damaged(run, error.problem) from error
    if not isinstance(content, dict):
        raise _damaged(run, f"{path.name}: no mapping")
    return content


def _files(run: RunFolder, content: dict[str, Any], config: RunConfig) -> dict[str, str]:
    files = content.get("files")
    needed = {run.weights("last").name, run.optimiser.name}
    needed |= {run.training_weights.name} if config.training.ema else set()
    if not isinstance(files, dict) or not needed <= files.keys():
        raise _damaged(run, f"{run.position('last').name} does not list the checkpoint's files")
    return {str(Path(name).name): str(digest) for name, digest in files.items()}


def _damaged(run: RunFolder, found: str) -> InputError:
    return InputError(
        f"{run.checkpoint('last')} cannot be resumed from",
        expected="the files of one checkpoint, as 'medsize train' wrote them",
        found=found,
        remedy=_REMEDY,
    )


def _first(error: ValidationError | KeyError) -> str:
    if isinstance(error, KeyError):
        return "it does not say what the training learned from"
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
