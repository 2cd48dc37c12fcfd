"""Checkpoints: whole or not there, whatever happens while they are written."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import nn

from medsize.errors import InputError
from medsize.files import atomic_folder, remove_abandoned, restore_folder
from medsize.losses import ElasticWeightConsolidation
from medsize.run_folder import RunFolder
from medsize.training.consolidation import save_consolidation
from medsize.training.sizes_while_learning import SizesWhileLearning


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

    epoch: int = 0
    batch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int | None = None
    stale: int = 0
    metrics_bytes: int = 0


def save_last(
    run: RunFolder,
    accelerator: Accelerator,
    network: nn.Module,
    position: Position,
    sizes: SizesWhileLearning | None = None,
    consolidation: ElasticWeightConsolidation | None = None,
) -> None:
    """Replace ``checkpoints/last`` by the present state, to predict from and to resume from."""
    with atomic_folder(run.checkpoint("last")) as folder:
        accelerator.save_state(str(folder / "state"), safe_serialization=True)
        _save_weights(network, folder / "model.safetensors", position.epoch)
        if sizes:
            save_file(sizes.tensors(), folder / run.sizes_while_learning.name)
        if consolidation:
            save_consolidation(consolidation, folder / run.consolidation.name)
        (folder / "position.json").write_text(json.dumps(asdict(position)), "utf-8")


def save_best(run: RunFolder, network: nn.Module, position: Position) -> None:
    """Replace ``checkpoints/best`` by the present network."""
    with atomic_folder(run.checkpoint("best")) as folder:
        _save_weights(network, folder / "model.safetensors", position.epoch)
        (folder / "position.json").write_text(json.dumps(asdict(position)), "utf-8")


def load_last(run: RunFolder, accelerator: Accelerator) -> Position:
    """Bring back the state of ``checkpoints/last``; a run stopped before its first checkpoint starts anew.

    Raises:
        InputError: The checkpoint is damaged.
    """
    folder = run.checkpoint("last")
    for name in ("last", "best"):
        restore_folder(run.checkpoint(name))
    remove_abandoned(folder.parent)
    if not folder.is_dir():
        return Position()
    try:
        accelerator.load_state(str(folder / "state"))
        return Position(**json.loads((folder / "position.json").read_text("utf-8")))
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(
            f"{folder} cannot be resumed from",
            found=str(error),
            remedy="start the run anew in another folder",
        ) from error


def _save_weights(network: nn.Module, path: Path, epoch: int) -> None:
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, path, metadata={"format": "pt", "epoch": str(epoch), "torch": torch.__version__})
