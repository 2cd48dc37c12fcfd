"""Images with what makes photos hard for a filter: edges, gradients of light, texture and rare colours."""

import math

import torch
from torch import Tensor


def photo(batch: int, channels: int, *spatial: int, seed: int = 0) -> Tensor:
    """Intensities in [0, 1], (B, C, *spatial) float32."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.stack(torch.meshgrid(*[torch.linspace(0, 1, size) for size in spatial], indexing="ij"))
    image = torch.zeros(batch, channels, *spatial)
    for _ in range(6):
        centre = torch.rand(batch, len(spatial), *[1] * len(spatial), generator=generator)
        radius = 0.1 + 0.3 * torch.rand(batch, *[1] * len(spatial), generator=generator)
        inside = (place - centre).square().sum(1) < radius.square()
        colour = torch.rand(batch, channels, *[1] * len(spatial), generator=generator)
        image = torch.where(inside.unsqueeze(1), colour, image)
    light = 0.2 * torch.sin(2 * math.pi * place.sum(0))
    grain = 0.03 * torch.randn(image.shape, generator=generator)
    return (0.2 + 0.6 * image + light + grain).clamp(0, 1)


def soft_masks(batch: int, classes: int, *spatial: int, seed: int = 0) -> Tensor:
    """Probabilities that change slowly, (B, K, *spatial) float32."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(batch, classes, *[max(2, size // 8) for size in spatial], generator=generator) * 3
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(spatial)]
    return torch.nn.functional.interpolate(coarse, spatial, mode=mode, align_corners=False).softmax(1)
