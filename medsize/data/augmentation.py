"""The papers' augmentation, colour jitter and horizontal flip, on whole batches on any device."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medsize.config.training import Augmentation

_FLIPPED = ("image", "seeds", "label", "domain")


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decides for a batch, one value an image, each (B,).

    Attributes:
        shift: Added to the intensities.
        factor: Multiplies the contrast, that is the distance from the image's mean.
        flip: Whether to flip.
    """

    shift: Tensor
    factor: Tensor
    flip: Tensor


def draw(count: int, augmentation: Augmentation, *, seed: int, step: int) -> Draw:
    """Draw the augmentation of the ``count`` images of a step; it follows from the seed and the step alone.

    The numbers are drawn on the CPU, so that they are the same whatever device the batch is on.
    """
    state = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    uniform = torch.rand(3, count, generator=torch.Generator().manual_seed(int(state[0])))
    return Draw(
        shift=(2 * uniform[0] - 1) * augmentation.brightness,
        factor=1 + (2 * uniform[1] - 1) * augmentation.contrast,
        flip=uniform[2] < augmentation.flip,
    )


def apply(batch: dict[str, Tensor], drawn: Draw) -> dict[str, Tensor]:
    """Return the batch augmented as drawn.

    Intensities stay in [0, 1], and the padding stays 0. Image, seeds, label and domain are flipped together, along
    the last axis; sizes, bounds and tags are what they were.

    Args:
        batch: Tensors with the batch first; ``image`` (B, C, H, W) in [0, 1].
        drawn: What chance decided for its images.
    """
    found = batch | {"image": _jitter(batch["image"], batch.get("domain"), drawn)}
    flip = drawn.flip.to(batch["image"].device)
    for key in _FLIPPED:
        if key in found:
            tensor = found[key]
            found[key] = torch.where(flip.view(-1, *[1] * (tensor.ndim - 1)), tensor.flip(-1), tensor)
    return found


def augment(batch: dict[str, Tensor], augmentation: Augmentation, *, seed: int, step: int) -> dict[str, Tensor]:
    """Draw and apply the augmentation of a step; see ``draw`` and ``apply``."""
    return apply(batch, draw(len(batch["image"]), augmentation, seed=seed, step=step))


def _jitter(image: Tensor, domain: Tensor | None, drawn: Draw) -> Tensor:
    shift, factor = (value.to(image)[:, None, None, None] for value in (drawn.shift, drawn.factor))
    inside = torch.ones_like(image[:, :1]) if domain is None else domain[:, None].to(image.dtype)
    mean = (image * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True)
    return (((image - mean) * factor + mean + shift).clamp(0, 1)) * inside
