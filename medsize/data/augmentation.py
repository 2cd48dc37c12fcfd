"""Augmentation of whole batches on any device: the papers' jitter and flip, and what moves and changes images more."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medsize.config.training import Augmentation
from medsize.data.elastic import WAVES, Waves
from medsize.data.intensities import add_noise, blur, jitter, to_power
from medsize.data.movement import LABELS, Movement, move


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decides for a batch, one value an image, each (B,); None is what the augmentation leaves out.

    Attributes:
        shift: Added to the intensities.
        factor: Multiplies the contrast, that is the distance from the image's mean.
        flip: Whether to flip.
        saturation: Multiplies the distance of colours from grey.
        hue: Turn of colours around grey, in radians.
        movement: How images are moved.
        exponent: Of the intensities.
        blur_pixels: Standard deviation of the blur.
        noise: Standard deviation of the noise.
        noise_seed: Of the noise, one for the whole batch.
    """

    shift: Tensor
    factor: Tensor
    flip: Tensor
    saturation: Tensor
    hue: Tensor
    movement: Movement | None = None
    exponent: Tensor | None = None
    blur_pixels: Tensor | None = None
    noise: Tensor | None = None
    noise_seed: int = 0


def draw(count: int, augmentation: Augmentation, *, seed: int, step: int) -> Draw:
    """Draw the augmentation of the ``count`` images of a step; it follows from the seed and the step alone.

    The numbers are drawn on the CPU, so that they are the same whatever device the batch is on.
    """
    state = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0]))
    uniform = torch.rand(3, count, generator=generator)
    colour = torch.rand(2, count, generator=generator)
    # what is drawn later leaves alone what was drawn before it, so a new kind of augmentation comes last
    zoom = torch.rand(3, count, generator=generator) if augmentation.zoom else None
    turn, stretch, power, soft, noisy = torch.rand(5, count, generator=generator)
    noise_seed = int(torch.randint(2**62, (), generator=generator))
    waves = torch.rand(4, count, WAVES, generator=generator)
    return Draw(
        shift=(2 * uniform[0] - 1) * augmentation.brightness,
        factor=1 + (2 * uniform[1] - 1) * augmentation.contrast,
        flip=uniform[2] < augmentation.flip,
        saturation=1 + (2 * colour[0] - 1) * augmentation.saturation,
        hue=(2 * colour[1] - 1) * augmentation.hue * 2 * math.pi,
        movement=_movement(augmentation, zoom, turn, stretch, waves),
        exponent=_factor_around_one(power, augmentation.gamma) if augmentation.gamma else None,
        blur_pixels=soft * augmentation.blur if augmentation.blur else None,
        noise=noisy * augmentation.noise if augmentation.noise else None,
        noise_seed=noise_seed,
    )


def apply(batch: dict[str, Tensor], drawn: Draw) -> dict[str, Tensor]:
    """Return the batch with intensities and sides changed as drawn.

    Intensities stay in [0, 1], and the padding stays 0. Image, seeds, label, pseudo label and domain are flipped
    together, along the last axis; sizes, bounds and tags are what they were.

    Args:
        batch: Tensors with the batch first; ``image`` (B, C, H, W) in [0, 1].
        drawn: What chance decided for its images.
    """
    image = batch["image"]
    inside = torch.ones_like(image[:, :1]) if "domain" not in batch else batch["domain"][:, None].to(image.dtype)
    if drawn.exponent is not None:
        image = to_power(image, drawn.exponent)
    image = jitter(image, inside, shift=drawn.shift, factor=drawn.factor, saturation=drawn.saturation, hue=drawn.hue)
    if drawn.blur_pixels is not None:
        image = blur(image, inside, drawn.blur_pixels)
    if drawn.noise is not None:
        image = add_noise(image, inside, drawn.noise, drawn.noise_seed)
    found = batch | {"image": image}
    flip = drawn.flip.to(image.device)
    for key in ("image", "domain", *LABELS):
        if key in found:
            tensor = found[key]
            found[key] = torch.where(flip.view(-1, *[1] * (tensor.ndim - 1)), tensor.flip(-1), tensor)
    return found


def augment(batch: dict[str, Tensor], augmentation: Augmentation, *, seed: int, step: int) -> dict[str, Tensor]:
    """Draw and apply the augmentation of a step: see ``draw``, ``apply`` and :func:`~medsize.data.movement.move`."""
    drawn = draw(len(batch["image"]), augmentation, seed=seed, step=step)
    if drawn.movement:
        batch = move(batch, drawn.movement, measure_crops="label" in extra_keys(augmentation))
    return apply(batch, drawn)


def extra_keys(augmentation: Augmentation) -> frozenset[str]:
    """Return what a batch must hold for its augmentation, beside what its objective needs."""
    measured = augmentation.zoom is not None and augmentation.zoom.sizes_of_crops == "measured"
    return frozenset({"label"}) if measured else frozenset()


def _movement(
    augmentation: Augmentation, zoom: Tensor | None, turn: Tensor, stretch: Tensor, waves: Tensor
) -> Movement | None:
    """Return the movement that follows from numbers in [0, 1]; None if nothing moves."""
    if not (augmentation.zoom or augmentation.rotation or augmentation.scaling or augmentation.elastic):
        return None
    scale, place = torch.ones_like(turn), torch.full((2, len(turn)), 0.5)
    if augmentation.zoom and zoom is not None:
        low, high = math.log(augmentation.zoom.smallest), math.log(augmentation.zoom.largest)
        scale, place = torch.exp(low + (high - low) * zoom[0]), zoom[1:]
    return Movement(
        scale=scale * _factor_around_one(stretch, augmentation.scaling),
        place=place,
        angle=(2 * turn - 1) * math.radians(augmentation.rotation),
        cropped=scale > 1,
        waves=Waves.of(waves, augmentation.elastic) if augmentation.elastic else None,
    )


def _factor_around_one(uniform: Tensor, most: float) -> Tensor:
    """Return factors between 1 / (1 + most) and 1 + most, as often below 1 as above."""
    return torch.exp((2 * uniform - 1) * math.log1p(most))
