"""Labels whose open pixels are settled by their intensities, so that every size is met."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from medsize.data.unlabelled import UNLABELLED
from medsize.supervision.assign import label_under_sizes
from medsize.supervision.nearness import distances_in_radii, mean_radius
from medsize.supervision.seeds import Labels, Mask

_BLUR_PIXELS: Final = 0.7
"""Noise of single pixels says nothing about a border."""

_LEAST_DEVIATION: Final = 0.03
"""Of intensities in [0, 1]: a region that happens to be even is not that sure of itself."""

_NEXT: Final = 0.5
"""Of a radius: what background lies so near is what a structure is taken for, and what it must be told from."""

_NEVER: Final = 1e3
"""Nats against a class of which nothing is certain."""

_FARTHEST: Final = 3.0
"""In nats: a dark pixel in a bright object, such as a papillary muscle, is not evidence without end."""


def settle_by_intensity(
    labels: Labels,
    image: NDArray[np.floating],
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    *,
    domain: Mask,
    spacing: NDArray[np.floating],
    place: float,
) -> Labels:
    """Give every open pixel the class that its place and its intensity speak for, under the sizes.

    For a class k speak ``ln N(I | μ_k, σ_k) − place · d_k / 2r`` nats: d_k is how far a pixel is from what is certainly
    k, r the radius of the structures, and μ_k, σ_k are the mean and the deviation of each channel over what is
    certainly k, of the background only next to what is open. Of all labels with the given sizes, those with the
    greatest sum are taken.

    Args:
        labels: As :func:`~medsize.supervision.grow.grow` returns them, (*spatial), 255 where open.
        image: Intensities in [0, 1], (C, *spatial).
        low: The least size of each class, a fraction of Ω, (K,); NaN where unknown.
        high: The greatest, likewise; equal to ``low`` where a size is a number.
        domain: Ω, (*spatial).
        spacing: Of the pixels along each axis.
        place: How many nats a radius outweighs: a border is moved by a radius from the middle of what is open only by
            pixels of which intensities are that sure.

    Returns:
        The class of each pixel, (*spatial), 255 outside Ω. Labels in which no background is certain, as a structure
        may be anywhere, are returned as they are.
    """
    certain = {k: labels == k for k in range(len(low))}
    present = [k for k in certain if certain[k].any()]
    opened = domain & (labels == UNLABELLED)
    if not opened.any() or 0 not in present or len(present) < 2:
        return labels
    distances = distances_in_radii(labels, low, high, domain=domain, spacing=spacing)
    next_to_open = ndimage.distance_transform_edt(~opened, sampling=spacing.tolist()) <= _NEXT * mean_radius(
        labels, low, high, int(domain.sum()), spacing
    )
    smooth = np.stack([ndimage.gaussian_filter(channel, _blur(domain.ndim)) for channel in image])
    models = {k: certain[k] for k in present}
    if (around := certain[0] & next_to_open).any():
        models[0] = around
    nats = np.stack([_log_likelihood(smooth, models[k])[domain] for k in present])
    scores = np.full((len(low), nats.shape[1]), -_NEVER)
    scores[present] = np.maximum(nats - nats.max(0), -_FARTHEST) - place / 2 * distances[present][:, domain]
    found = np.full(labels.shape, UNLABELLED, np.uint8)
    found[domain] = label_under_sizes(
        torch.from_numpy(scores).float(),
        torch.from_numpy(np.asarray(low, np.float64)),
        torch.from_numpy(np.asarray(high, np.float64)),
        seeds=torch.from_numpy(labels[domain]),
    ).numpy()
    return found


def _blur(dimensions: int) -> list[float]:
    """Return how far pixels are averaged along each axis: not between slices, which are far apart."""
    return [0.0] * (dimensions - 2) + [_BLUR_PIXELS] * 2


def _log_likelihood(image: NDArray[np.floating], region: Mask) -> NDArray[np.float64]:
    """Return the logarithm of the Gaussian of a region's intensities, (*spatial), its channels independent."""
    total = np.zeros(region.shape)
    for channel in image:
        deviation = channel[region].std() + _LEAST_DEVIATION
        total -= ((channel - channel[region].mean()) / deviation) ** 2 / 2 + np.log(deviation)
    return total
