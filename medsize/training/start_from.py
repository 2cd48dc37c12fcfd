"""Starting from another run's network: the transfer of "Single Class Segmentation" (P3), section 4.2."""

from pathlib import Path
from typing import Final

from torch import Tensor, nn

from medsize.config.network import NetworkConfig
from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.files import restore_folder
from medsize.inference.load import require_usable
from medsize.inference.meaning import Meaning
from medsize.networks.weight_files import read_safetensors
from medsize.run_folder import RunFolder

_SEEN: Final = ("name", "mean", "std", "one_channel")
"""What decides how a network sees an image, which it does not forget: its classes may mean something else now."""


def load_start(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Give a network all the weights of the checkpoint ``last`` of another run.

    Args:
        network: Of the same kind and with as many classes.
        config: Its configuration.
        folder: The other run's folder.

    Raises:
        InputError: There is no such run or checkpoint, it is of another network or not finite, or it was shown images
            that were normalised otherwise.
    """
    path = _weights(folder)
    try:
        weights, metadata = read_safetensors(path)
    except ValueError as error:
        raise InputError(
            f"network.start_from: {path} cannot be read", found=str(error).removeprefix(f"{path}: ")
        ) from error
    require_usable(path, weights)
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
    _require_seen_alike(config, Meaning.in_metadata(metadata), folder)
    network.load_state_dict(weights)


def describe_start(folder: Path) -> dict[str, str]:
    """Return which weights those are, for the record."""
    path = _weights(folder)
    return {"weights": str(path), "sha256": file_digest(path)}


def _require_seen_alike(config: NetworkConfig, trained: Meaning | None, folder: Path) -> None:
    if trained is None:
        return
    then, now = trained.network.model_dump(mode="json"), config.model_dump(mode="json")
    changed = [key for key in _SEEN if then.get(key) != now.get(key)]
    if changed:
        raise InputError(
            f"network.start_from: {folder} trained a network that sees images otherwise",
            expected="; ".join(f"network.{key}: {then.get(key)}" for key in changed),
            found="; ".join(f"network.{key}: {now.get(key)}" for key in changed),
            remedy="set these to what that network was trained with",
        )


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
