"""How far every pixel is from what is already known to be of each class, in units of the structures' radius."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsize.supervision.seeds import Labels, Mask


def distances_in_radii(
    labels: Labels,
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    *,
    domain: Mask,
    spacing: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Return the distance of every pixel from the nearest one of each class, over the mean radius of the structures.

    Args:
        labels: Classes, (*spatial), 255 where undecided.
        low: The least size of each class, a fraction of Ω, (K,); NaN where unknown.
        high: The greatest, likewise.
        domain: Ω, (*spatial).
        spacing: Of the pixels along each axis.

    Returns:
        (K, *spatial); 0 for a class that is nowhere, of which nothing can be said.
    """
    distances = np.zeros((len(low), *labels.shape))
    radius = mean_radius(labels, low, high, int(domain.sum()), spacing)
    for k in range(len(low)):
        if (region := labels == k).any():
            distances[k] = ndimage.distance_transform_edt(~region, sampling=spacing.tolist()) / radius
    return distances


def mean_radius(
    labels: Labels,
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    pixels: int,
    spacing: NDArray[np.floating],
) -> float:
    """Return the mean radius that the structures among some labels would have as discs, or balls, of their sizes.

    Args:
        labels: As for :func:`distances_in_radii`.
        low: Likewise.
        high: Likewise.
        pixels: |Ω|.
        spacing: Likewise.
    """
    middle = np.nan_to_num((low + high) / 2)
    sizes = np.array([middle[k] for k in range(1, len(low)) if (labels == k).any()] or [0.0])
    unit_ball = math.pi ** (labels.ndim / 2) / math.gamma(labels.ndim / 2 + 1)
    volumes = np.maximum(sizes * pixels, 1) * float(np.prod(spacing))
    return float(((volumes / unit_ball) ** (1 / labels.ndim)).mean())
