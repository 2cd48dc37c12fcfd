"""Soft-max and average prediction written down a second time, in float64 numpy, and batches to feed the losses."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


def probabilities(logits: Tensor) -> Array:
    scores = logits.detach().double().numpy()
    exponentials = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))


def averages(logits: Tensor) -> Array:
    probs = probabilities(logits)
    return np.asarray(probs.reshape(*probs.shape[:2], -1).mean(2))


def random_logits(*shape: int, seed: int = 0, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def random_simplex(rows: int, classes: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, classes, generator=generator, dtype=torch.float64).add(0.01).log().softmax(1)


def random_batch(batch: int, classes: int, *spatial: int, seed: int = 0) -> dict[str, Tensor]:
    """Everything any loss may ask for, known for every image."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, classes, (batch, *spatial), generator=generator)
    seeds = torch.where(torch.rand(label.shape, generator=generator) < 0.3, label, 255)
    seeds[:, *[0] * len(spatial)] = 0
    bounds = random_simplex(batch, classes, seed).unsqueeze(-1) * torch.tensor([0.5, 1.3])
    tags = torch.rand(batch, classes, generator=generator) < 0.5
    tags[:, 0] = True
    tags[0, 1:] = True  # so that every class is somewhere present and somewhere absent
    tags[:, -1] = False
    return {
        "seeds": seeds.to(torch.uint8),
        "pseudo_label": seeds.roll(1, -1).to(torch.uint8),
        "label": label.to(torch.uint8),
        "size_target": random_simplex(batch, classes, seed),
        "size_bounds": bounds,
        "tags": tags,
        "image": torch.rand(batch, 2, *spatial, generator=generator, dtype=torch.float64),
    }
