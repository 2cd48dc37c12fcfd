"""What the losses ask of their inputs, and how they say that it is not met."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def require_shape(name: str, tensor: Tensor, expected: Sequence[int], axes: str) -> None:
    """Raise ValueError unless a tensor has the shape that the logits imply.

    Args:
        name: What the user calls the tensor.
        tensor: The tensor.
        expected: The shape it must have.
        axes: The same shape in letters, such as ``"(B, K)"``.
    """
    if tensor.shape != torch.Size(expected):
        raise ValueError(
            f"{name} does not fit the logits: expected shape {axes} = {tuple(expected)}, found {tuple(tensor.shape)}"
        )


def require_tags(tags: Tensor, expected: Sequence[int]) -> None:
    """Raise ValueError unless tags are bool and of the expected shape (B, K)."""
    require_shape("tags", tags, expected, "(B, K)")
    if tags.dtype != torch.bool:
        raise ValueError(f"tags must be bool (True for the classes present), found {tags.dtype}")


def require_domain(domain: Tensor, expected: Sequence[int]) -> None:
    """Raise ValueError unless a domain has the expected shape (B, *spatial) and a pixel in each image."""
    require_shape("domain", domain, expected, "(B, *spatial)")
    if values_are_readable(domain) and not (inside := domain.flatten(1).any(1)).all():
        image = int((~inside).nonzero()[0])
        raise ValueError(f"domain is empty for image {image} of the batch: every image needs at least one pixel")


def require_option(name: str, value: str, options: Sequence[str]) -> None:
    """Raise ValueError unless a setting is one of its options."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, found {value!r}")


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless a setting is a finite number above 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, found {value}")


def require_spacing(spacing: Sequence[float] | None, axes: int) -> tuple[float, ...]:
    """Return the spacing of each spatial axis, 1 if none is given.

    Args:
        spacing: Distance of neighbouring pixels along each axis, or None.
        axes: How many spatial axes there are.

    Raises:
        ValueError: It has the wrong length, or a number in it is not positive.
    """
    if spacing is None:
        return (1.0,) * axes
    if len(spacing) != axes:
        raise ValueError(f"spacing must have a number for each of {axes} spatial axes, found {tuple(spacing)}")
    for number in spacing:
        require_positive("spacing", number)
    return tuple(spacing)


def values_are_readable(tensor: Tensor) -> bool:
    """Whether the program may look at a tensor's values now.

    It may not while torch.compile traces or a CUDA graph is captured: there a check of values would break the
    graph, so checks of values (never those of shapes) are left out.
    """
    if torch.compiler.is_compiling():
        return False
    return not (tensor.is_cuda and torch.cuda.is_current_stream_capturing())
