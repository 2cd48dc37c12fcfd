"""Changes of intensities in [0, 1], on whole batches with one amount an image; the padding stays 0."""

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

_REACH_DEVIATIONS: Final = 3
_SMALLEST_DEVIATION_PIXELS: Final = 0.1
"""Of a Gaussian whose samples are 1, 0, 0, … in float32: no blur."""


def to_power(image: Tensor, exponent: Tensor) -> Tensor:
    """Return intensities to a power, the gamma of each image.

    Args:
        image: (B, C, H, W) in [0, 1].
        exponent: (B,); above 1 darkens what is grey.
    """
    return image.clamp(0, 1) ** _on_pixels(exponent, image)


def jitter(image: Tensor, inside: Tensor, *, shift: Tensor, factor: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Return images with brightness, contrast and, of photos, colours changed.

    Args:
        image: (B, C, H, W) in [0, 1]; colours are changed where C is 3.
        inside: Ω, (B, 1, H, W), 1 or 0 in the image's type.
        shift: (B,), added to the intensities.
        factor: (B,), multiplies the contrast, that is the distance from the image's mean.
        saturation: (B,), multiplies the distance of colours from grey.
        hue: (B,), turn of colours around grey, in radians.
    """
    shift, factor = (_on_pixels(value, image) for value in (shift, factor))
    if image.shape[1] == 3:
        image = torch.einsum("bij,bjhw->bihw", _colour_turns(saturation, hue).to(image), image)
    mean = (image * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True).clamp(min=1)
    return (((image - mean) * factor + mean + shift).clamp(0, 1)) * inside


def blur(image: Tensor, inside: Tensor, deviation_pixels: Tensor) -> Tensor:
    """Return images blurred by a Gaussian; what is outside Ω does not bleed in.

    Args:
        image: (B, C, H, W).
        inside: Ω, (B, 1, H, W), 1 or 0 in the image's type.
        deviation_pixels: Standard deviations, (B,).
    """
    reach = max(1, math.ceil(_REACH_DEVIATIONS * float(deviation_pixels.max())))
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    deviation = deviation_pixels.clamp(min=_SMALLEST_DEVIATION_PIXELS)[:, None]
    kernels = (-0.5 * (steps / deviation) ** 2).exp()
    kernels = (kernels / kernels.sum(1, keepdim=True)).to(image.device)
    weight = _convolved(inside.float(), kernels).clamp(min=torch.finfo(torch.float32).tiny)
    return (_convolved((image * inside).float(), kernels) / weight).to(image.dtype) * inside


def add_noise(image: Tensor, inside: Tensor, deviation: Tensor, seed: int) -> Tensor:
    """Return images with Gaussian noise, again in [0, 1].

    The noise is drawn on the CPU, so that it is the same whatever device the images are on.

    Args:
        image: (B, C, H, W) in [0, 1].
        inside: Ω, (B, 1, H, W), 1 or 0 in the image's type.
        deviation: Standard deviations of the noise, (B,).
        seed: Of the noise.
    """
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image)
    return (image + noise * _on_pixels(deviation, image)).clamp(0, 1) * inside


def _on_pixels(value: Tensor, image: Tensor) -> Tensor:
    return value.to(image)[:, None, None, None]


def _convolved(image: Tensor, kernels: Tensor) -> Tensor:
    """Return images convolved along both axes with the kernel of each, (B, N)."""
    batch, channels, height, width = image.shape
    reach = kernels.shape[1] // 2
    weights = kernels.repeat_interleave(channels, 0)[:, None, :, None]
    flat = image.reshape(1, batch * channels, height, width)
    flat = F.conv2d(flat, weights, padding=(reach, 0), groups=batch * channels)
    flat = F.conv2d(flat, weights.transpose(2, 3), padding=(0, reach), groups=batch * channels)
    return flat.view(batch, channels, height, width)


def _colour_turns(saturation: Tensor, hue: Tensor) -> Tensor:
    """Return matrices on (red, green, blue), (B, 3, 3), that stretch colours away from grey and turn them around it.

    Grey, the axis (1, 1, 1), stays where it is: Rodrigues' rotation about it, times the stretch across it.
    """
    along = torch.full((3, 3), 1 / 3)
    across = torch.eye(3) - along
    turned = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cosine, sine = ((saturation * turn)[:, None, None] for turn in (hue.cos(), hue.sin()))
    return along + cosine * across + sine * turned
