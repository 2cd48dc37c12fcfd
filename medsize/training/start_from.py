"""Starting from another run's network: the transfer of "Single Class Segmentation" (P3), section 4.2."""

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from medsize.errors import InputError
from medsize.files import restore_folder
from medsize.run_folder import RunFolder


def load_start(network: nn.Module, folder: Path) -> None:
    """Give a network all the weights of the checkpoint ``last`` of another run.

    Args:
        network: Of the same kind and with as many classes.
        folder: The other run's folder.

    Raises:
        InputError: There is no such run or checkpoint, or it is of another network.
    """
    path = _weights(folder)
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"network.start_from: {path} cannot be read", found=str(error)) from error
    expected, found = _shapes(network.state_dict()), _shapes(weights)
    differing = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    if differing:
        name = differing[0]
        raise InputError(
            f"network.start_from: {folder} trained another network",
            expected=f"{name} {expected.get(name, 'not there')}",
            found=f"{found.get(name, 'not there')}; {len(differing)} of {len(expected)} tensors differ",
            remedy="give the same network, channels of images and number of classes as in its config.yaml",
        )
    network.load_state_dict(weights)


def describe_start(folder: Path) -> dict[str, str]:
    """Return which weights those are, for the record."""
    path = _weights(folder)
    return {"weights": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _weights(folder: Path) -> Path:
    run = RunFolder.existing(folder)
    restore_folder(run.checkpoint("last"))
    path = run.weights("last")
    if not path.is_file():
        raise InputError(
            f"network.start_from: {folder} has no checkpoint to start from",
            expected=str(path),
            remedy="train that run first (medsize train --resume)",
        )
    return path


def _shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}
