"""Reading weight files. Nobody's pickle is executed."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

SUFFIXES: Final = (".safetensors", ".pth", ".pt", ".pth.tar", ".ckpt", ".bin")
WRAPPERS: Final = ("state_dict", "model", "model_state")
# What data-parallel training and torch.compile put before every name.
_PREFIXES: Final = ("module.", "_orig_mod.")
_BEGINNING: Final = 256  # bytes


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a weight file, without running any code in it.

    A file of PyTorch's may wrap its tensors in ``state_dict``, ``model`` or ``model_state``. The prefixes ``module.``
    of data-parallel training and ``_orig_mod.`` of ``torch.compile`` are removed. Types are those of the file.

    Args:
        path: A ``.safetensors`` file, or one of ``torch.save``: ``.pth``, ``.pt``, ``.pth.tar``, ``.ckpt``, ``.bin``.

    Returns:
        Tensors on the CPU by name.

    Raises:
        ValueError: There is no such file, or it is no weight file: another format, damaged, or objects that would
            have to be executed.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{path}: expected a weight file ({', '.join(SUFFIXES)}), found {path.suffix or 'no suffix'}")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such weight file")
    tensors = read_safetensors(path)[0] if path.suffix == ".safetensors" else _unwrap(_read_torch(path))
    if not tensors:
        raise ValueError(f"{path}: expected tensors by name (model.state_dict()), found none")
    return {_bare(name): tensor for name, tensor in tensors.items()}


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a safetensors file, on the CPU, and what it says about itself.

    Raises:
        ValueError: The file is absent, or damaged.
    """
    try:
        return load_file(path), read_metadata(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise ValueError(f"{path}: no readable safetensors file ({_what_it_is(path) or error})") from error


def read_metadata(path: Path) -> dict[str, str]:
    """Read what a safetensors file says about itself, and not its tensors.

    Raises:
        ValueError: The file is absent, or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise ValueError(f"{path}: no readable safetensors file ({_what_it_is(path) or error})") from error


def _read_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # what follows says it better
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # an unpickler fed arbitrary bytes can raise anything
        if other := _what_it_is(path):
            raise ValueError(f"{path}: no readable PyTorch weight file ({other})") from error
        raise ValueError(
            f"{path}: no readable PyTorch weight file, or one that holds more than tensors "
            f"({type(error).__name__})\n"
            f"  remedy:   save model.state_dict(), or convert the file to safetensors"
        ) from error


def _what_it_is(path: Path) -> str | None:
    """Return what commonly stands in the place of weights that were not downloaded; None if it is not that."""
    with path.open("rb") as file:
        content = file.read(_BEGINNING)
    if not content:
        return "an empty file: copy or download it again"
    if content.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file it stands for: get that with 'git lfs pull'"
    start = content.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, as a download without its permission gives: download the file itself"
    try:
        text = content.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return None
    if not text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        return None
    return f"a text that begins {text[:40]!r}: download the file itself"


def _unwrap(content: Any) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = [content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)]
        if not inner:
            return {name: value for name, value in content.items() if isinstance(value, Tensor)}
        content = inner[0]
    return {}


def _bare(name: str) -> str:
    while prefix := next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None):
        name = name.removeprefix(prefix)
    return name
