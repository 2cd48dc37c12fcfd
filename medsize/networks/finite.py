"""Weights that are no numbers: where they are, and what has usually happened."""

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

_SHOWN: Final = 3
_NARROW: Final = {torch.float16: "float16", torch.float8_e4m3fn: "float8", torch.float8_e5m2: "float8"}


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """Tell whether every number is finite, asking the device once; whole numbers always are."""
    finite = [tensor.isfinite().all() for tensor in tensors if tensor.is_floating_point()]
    return not finite or bool(torch.stack(finite).all())


def describe_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return which tensors hold values that are not finite, and the likely cause; None if there are none.

    Args:
        tensors: Weights and statistics by name, in the types that they were saved in.
    """
    numbers = {name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()}
    found = {name: int((~tensor.isfinite()).sum()) for name, tensor in numbers.items()}
    found = {name: count for name, count in found.items() if count}
    if not found:
        return None
    shown = [f"{name} ({count} of {tensors[name].numel()} values)" for name, count in list(found.items())[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more tensors" if len(found) > _SHOWN else ""
    return f"not finite: {', '.join(shown)}{more}; {_cause(tensors, numbers, list(found))}"


def _cause(saved: Mapping[str, Tensor], used: Mapping[str, Tensor], names: Sequence[str]) -> str:
    if any(used[name].isnan().any() for name in names):
        return "NaN is what a training that diverged leaves, or a damaged file"
    narrow = [saved[name].dtype for name in names if saved[name].dtype in _NARROW]
    if narrow:
        largest = torch.finfo(narrow[0]).max
        return f"saved in {_NARROW[narrow[0]]}, which makes infinity of what is above {largest:,.0f}: save in float32"
    if any(saved[name].isfinite().all() for name in names):
        return f"saved in {_dtype(saved[names[0]])}, with values beyond float32"
    return "infinity is what a training that diverged leaves, or a conversion through float16"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
