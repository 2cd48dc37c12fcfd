"""Reading weight files. Nobody's pickle is executed."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

SUFFIXES = (".safetensors", ".pth", ".pt")
WRAPPERS = ("state_dict", "model", "model_state")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a weight file, without running any code in it.

    A ``.pth`` or ``.pt`` file may wrap its tensors in ``state_dict``, ``model`` or ``model_state``. The prefix
    ``module.`` of data-parallel training is removed. Types are those of the file.

    Args:
        path: A ``.safetensors``, ``.pth`` or ``.pt`` file.

    Returns:
        Tensors on the CPU by name.

    Raises:
        ValueError: There is no such file, or it is no weight file: another format, damaged, or objects that would
            have to be executed.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: expected a weight file ({', '.join(SUFFIXES)}), found {path.suffix or 'no suffix'}")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such weight file")
    tensors = _unwrap(_read(path))
    if not tensors:
        raise ValueError(f"{path}: expected tensors by name (model.state_dict()), found none")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # what follows says it better
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
    except SafetensorError as error:
        raise ValueError(f"{path}: no readable safetensors file ({error})") from error
    except Exception as error:  # an unpickler fed arbitrary bytes can raise anything
        raise ValueError(
            f"{path}: no readable PyTorch weight file, or one that holds more than tensors "
            f"({type(error).__name__})\n"
            f"  remedy:   save model.state_dict(), or convert the file to safetensors"
        ) from error


def _unwrap(content: Any) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = [content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)]
        if not inner:
            return {name: value for name, value in content.items() if isinstance(value, Tensor)}
        content = inner[0]
    return {}
