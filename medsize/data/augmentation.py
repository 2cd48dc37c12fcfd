"""The papers' augmentation, colour jitter and horizontal flip, and random zoom, on whole batches on any device."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medsize.config.training import Augmentation
from medsize.data.zoom import Placement, zoom

_FLIPPED = ("image", "seeds", "pseudo_label", "label", "domain")


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decides for a batch, one value an image, each (B,).

    Attributes:
        shift: Added to the intensities.
        factor: Multiplies the contrast, that is the distance from the image's mean.
        flip: Whether to flip.
        saturation: Multiplies the distance of colours from grey.
        hue: Turn of colours around grey, in radians.
        placement: How images are zoomed, if they are.
    """

    shift: Tensor
    factor: Tensor
    flip: Tensor
    saturation: Tensor
    hue: Tensor
    placement: Placement | None = None


def draw(count: int, augmentation: Augmentation, *, seed: int, step: int) -> Draw:
    """Draw the augmentation of the ``count`` images of a step; it follows from the seed and the step alone.

    The numbers are drawn on the CPU, so that they are the same whatever device the batch is on.
    """
    state = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0]))
    uniform = torch.rand(3, count, generator=generator)
    colour = torch.rand(2, count, generator=generator)
    placement = None
    if augmentation.zoom:
        size, *place = torch.rand(3, count, generator=generator)
        low, high = math.log(augmentation.zoom.smallest), math.log(augmentation.zoom.largest)
        placement = Placement(torch.exp(low + (high - low) * size), torch.stack(place))
    return Draw(
        shift=(2 * uniform[0] - 1) * augmentation.brightness,
        factor=1 + (2 * uniform[1] - 1) * augmentation.contrast,
        flip=uniform[2] < augmentation.flip,
        saturation=1 + (2 * colour[0] - 1) * augmentation.saturation,
        hue=(2 * colour[1] - 1) * augmentation.hue * 2 * math.pi,
        placement=placement,
    )


def apply(batch: dict[str, Tensor], drawn: Draw) -> dict[str, Tensor]:
    """Return the batch with colours and sides changed as drawn.

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
    """Draw and apply the augmentation of a step: see ``draw``, ``apply`` and :func:`~medsize.data.zoom.zoom`."""
    drawn = draw(len(batch["image"]), augmentation, seed=seed, step=step)
    if drawn.placement and augmentation.zoom:
        batch = zoom(batch, drawn.placement, augmentation.zoom.sizes_of_crops)
    return apply(batch, drawn)


def extra_keys(augmentation: Augmentation) -> frozenset[str]:
    """Return what a batch must hold for its augmentation, beside what its objective needs."""
    measured = augmentation.zoom is not None and augmentation.zoom.sizes_of_crops == "measured"
    return frozenset({"label"}) if measured else frozenset()


def _jitter(image: Tensor, domain: Tensor | None, drawn: Draw) -> Tensor:
    shift, factor = (value.to(image)[:, None, None, None] for value in (drawn.shift, drawn.factor))
    inside = torch.ones_like(image[:, :1]) if domain is None else domain[:, None].to(image.dtype)
    if image.shape[1] == 3:
        image = torch.einsum("bij,bjhw->bihw", _colour_turns(drawn.saturation, drawn.hue).to(image), image)
    mean = (image * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True).clamp(min=1)
    return (((image - mean) * factor + mean + shift).clamp(0, 1)) * inside


def _colour_turns(saturation: Tensor, hue: Tensor) -> Tensor:
    """Return matrices on (red, green, blue), (B, 3, 3), that stretch colours away from grey and turn them around it.

    Grey, the axis (1, 1, 1), stays where it is: Rodrigues' rotation about it, times the stretch across it.
    """
    along = torch.full((3, 3), 1 / 3)
    across = torch.eye(3) - along
    turned = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cosine, sine = ((saturation * turn)[:, None, None] for turn in (hue.cos(), hue.sin()))
    return along + cosine * across + sine * turned
