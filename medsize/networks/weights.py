"""Reading weight files, and fitting them to an encoder. Nobody's pickle is executed."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from medsize.networks.mobilenetv2 import MobileNetV2

SUFFIXES = (".safetensors", ".pth", ".pt")
SHOWN = 5


@dataclass(frozen=True)
class LoadReport:
    """What a weight file gave to an encoder.

    Attributes:
        path: The file.
        loaded: Names of the parameters and buffers that were set: all that the encoder has.
        ignored: Names in the file that the encoder has no place for, such as a classifier.
    """

    path: Path
    loaded: tuple[str, ...]
    ignored: tuple[str, ...]


def load_encoder_weights(encoder: MobileNetV2, path: str | Path) -> LoadReport:
    """Set every parameter and statistic of an encoder from a weight file.

    Where the encoder's images do not have the three channels of the file's, the first kernel is summed over its
    input channels and spread evenly over the encoder's: an image whose channels are all equal to a grey one gives
    what the three-channel network gives for that image replicated.

    Args:
        encoder: Changed in place; left as it was when the file does not fit.
        path: A ``.safetensors``, ``.pth`` or ``.pt`` file under torchvision's parameter names.

    Returns:
        The names that were loaded and those that were ignored.

    Raises:
        ValueError: The file is absent or no weight file, or a tensor of the encoder is missing or has another shape.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such weight file\n"
            f"  expected: ImageNet weights of {type(encoder).__name__}: {encoder.stock_weights}\n"
            f"  remedy:   download that file and give its path, or train from scratch"
        )
    found = read_state_dict(path)
    expected = {
        name: tensor for name, tensor in encoder.state_dict().items() if not name.endswith("num_batches_tracked")
    }
    fitted = {name: tensor for name, tensor in found.items() if name in expected}
    kernel = fitted.get(encoder.first_kernel)
    if kernel is not None:
        fitted[encoder.first_kernel] = _fit_input_channels(kernel, encoder.in_channels)
    wrong = [
        f"{name}: expected {tuple(tensor.shape)}, found {tuple(found[name].shape) if name in found else 'nothing'}"
        for name, tensor in expected.items()
        if name not in fitted or fitted[name].shape != tensor.shape
    ]
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise ValueError(
            f"{path}: {len(wrong)} of {len(expected)} tensors do not fit {type(encoder).__name__}\n  "
            + "\n  ".join(wrong[:SHOWN] + more)
            + f"\n  remedy:   give weights under torchvision's names: {encoder.stock_weights}"
        )
    encoder.load_state_dict(fitted, strict=False)
    return LoadReport(path, loaded=tuple(fitted), ignored=tuple(name for name in found if name not in fitted))


def _fit_input_channels(kernel: Tensor, in_channels: int) -> Tensor:
    if in_channels == 3 or kernel.ndim != 4 or kernel.shape[1] != 3:
        return kernel
    return kernel.sum(dim=1, keepdim=True).expand(-1, in_channels, -1, -1) / in_channels


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a weight file, without running any code in it.

    A ``.pth`` or ``.pt`` file may wrap its tensors in ``state_dict`` or ``model``. The prefix ``module.`` of
    data-parallel training is removed, and half precision becomes float32.

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
    return {
        name.removeprefix("module."): tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
        for name, tensor in tensors.items()
    }


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
        inner = content.get("state_dict", content.get("model"))
        if not isinstance(inner, Mapping):
            return {name: value for name, value in content.items() if isinstance(value, Tensor)}
        content = inner
    return {}
