"""Where a network runs, and in which arithmetic."""

from typing import Literal

import torch

from medsize.errors import InputError

Precision = Literal["auto", "float32", "bfloat16"]


def resolve_device(device: str) -> torch.device:
    """Return the device that a configuration or an option names.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto``: the accelerator if there is one.

    Raises:
        InputError: The name means nothing, or this machine has no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        resolved = None
    if resolved is None or resolved.type not in ("cpu", "cuda", "mps"):
        raise InputError("no such kind of device", expected="auto, cpu, cuda, cuda:N or mps", found=device)
    if not _present(resolved):
        raise InputError(
            f"this machine has no device '{device}'",
            expected=f"auto, cpu{', mps' if _has_mps() else ''}" + "".join(f", cuda:{n}" for n in range(_cuda_count())),
            found=device,
            remedy="choose another device; on a computer with a GPU, check that torch was installed with CUDA",
        )
    return resolved


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the precision of the network's arithmetic; sizes, losses and probabilities are float32 always.

    Args:
        precision: ``float32``, ``bfloat16``, or ``auto``: bfloat16 where the device has units for it, which is
            faster there. A CPU without them would emulate it, slowly.
        device: Where the network runs.

    Raises:
        InputError: bfloat16 is asked for on a device that cannot do it.
    """
    if precision == "auto":
        return torch.bfloat16 if _has_bfloat16_units(device) else torch.float32
    if precision == "bfloat16" and device.type == "cuda" and not _has_bfloat16_units(device):
        raise InputError(
            f"{torch.cuda.get_device_name(device)} cannot compute in bfloat16",
            expected="an NVIDIA GPU of the Ampere generation or later",
            remedy="set training.precision to auto or float32",
        )
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _has_bfloat16_units(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # torch 2.8 has no public question for either instruction set.
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return False


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _cuda_count() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _present(device: torch.device) -> bool:
    if device.type == "cuda":
        return (device.index or 0) < _cuda_count()
    return device.type == "cpu" or _has_mps()
