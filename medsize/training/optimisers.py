"""Optimisers from their configuration."""

from collections.abc import Iterable

import torch
from torch import nn

from medsize.config.training import AdamWConfig, SGDConfig


def build_optimiser(config: SGDConfig | AdamWConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimiser over the parameters that are trained (a frozen encoder's are not)."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if isinstance(config, AdamWConfig):
        return torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    return torch.optim.SGD(
        trained,
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=True,
    )


def numbers_of(config: SGDConfig | AdamWConfig) -> dict[str, float]:
    """Return what a stage may change in the optimiser's groups, beside the learning rate."""
    numbers = {"weight_decay": config.weight_decay}
    return numbers if isinstance(config, AdamWConfig) else numbers | {"momentum": config.momentum}
