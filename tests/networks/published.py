"""MobileNetV2 as torchvision publishes it: names, shapes and the forward pass, written down independently."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

Block = tuple[str, int, int, int, int]


def blocks() -> Iterator[Block]:
    """Prefix, channels in, expanded channels, channels out, stride of features.1 … features.17."""
    index, channels = 1, 32
    for t, c, n, s in (
        [1, 16, 1, 1],
        [6, 24, 2, 2],
        [6, 32, 3, 2],
        [6, 64, 4, 2],
        [6, 96, 3, 1],
        [6, 160, 3, 2],
        [6, 320, 1, 1],
    ):
        for repeat in range(n):
            yield f"features.{index}.conv", channels, channels * t, c, s if repeat == 0 else 1
            index, channels = index + 1, c


def shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the published checkpoint, counters aside."""
    names: dict[str, tuple[int, ...]] = {}

    def norm(prefix: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            names[f"{prefix}.{part}"] = (channels,)

    names["features.0.0.weight"] = (32, 3, 3, 3)
    norm("features.0.1", 32)
    for prefix, channels, hidden, out, _ in blocks():
        at = 0
        if hidden != channels:
            names[f"{prefix}.0.0.weight"] = (hidden, channels, 1, 1)
            norm(f"{prefix}.0.1", hidden)
            at = 1
        names[f"{prefix}.{at}.0.weight"] = (hidden, 1, 3, 3)
        norm(f"{prefix}.{at}.1", hidden)
        names[f"{prefix}.{at + 1}.weight"] = (out, hidden, 1, 1)
        norm(f"{prefix}.{at + 2}", out)
    names["features.18.0.weight"] = (1280, 320, 1, 1)
    norm("features.18.1", 1280)
    names["classifier.1.weight"] = (1000, 1280)
    names["classifier.1.bias"] = (1000,)
    return names


def checkpoint(seed: int = 0) -> dict[str, Tensor]:
    """A state dict of the published names and shapes with random values that keep activations near one."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes().items():
        values = torch.randn(shape, generator=generator)
        if len(shape) == 4:
            values *= (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        elif name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            values = 0.5 + torch.rand(shape, generator=generator)
        else:
            values *= 0.1
        state[name] = values
    return state


def forward(state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """Outputs of features.0 … features.17 in evaluation mode."""

    def norm(x: Tensor, prefix: str) -> Tensor:
        mean, var, weight, bias = (
            state[f"{prefix}.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias

    x = F.conv2d(image, state["features.0.0.weight"], stride=2, padding=1)
    outputs = [norm(x, "features.0.1").clamp(0, 6)]
    for prefix, channels, hidden, out, stride in blocks():
        x, at = outputs[-1], 0
        if hidden != channels:
            x = norm(F.conv2d(x, state[f"{prefix}.0.0.weight"]), f"{prefix}.0.1").clamp(0, 6)
            at = 1
        x = F.conv2d(x, state[f"{prefix}.{at}.0.weight"], stride=stride, padding=1, groups=hidden)
        x = norm(x, f"{prefix}.{at}.1").clamp(0, 6)
        x = norm(F.conv2d(x, state[f"{prefix}.{at + 1}.weight"]), f"{prefix}.{at + 2}")
        outputs.append(outputs[-1] + x if stride == 1 and channels == out else x)
    return outputs
