"""Cues: seeds that a classifier of images gives, from where it looks; "Seed, Expand and Constrain" (P2), appendix."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError
from medsize.supervision.seeds import Labels, Mask


def cues_from_activation(
    activation: NDArray[np.floating],
    tags: NDArray[np.bool_],
    saliency: NDArray[np.floating],
    *,
    threshold: float = 0.2,
    background: float = 0.1,
) -> Labels:
    """Make the cues of one image: its classes where they are active, the background where nothing is salient.

    P2 does not say what happens where the two meet; here the class is kept.

    Args:
        activation: Class-activation map of each class, (K, *spatial); that of the background, class 0, is not used.
        tags: The classes present, (K,); only these get cues.
        saliency: How much any class depends on each pixel, (*spatial).
        threshold: As for :func:`foreground_cues`.
        background: As ``fraction`` of :func:`background_cues`.

    Returns:
        Class of each seed pixel, 255 elsewhere, (*spatial): what a partial cross entropy takes.

    Raises:
        InputError: Shapes that do not fit, values that are not finite, or fractions outside [0, 1].
    """
    if saliency.shape != activation.shape[1:]:
        raise InputError(
            "the saliency does not fit the activation",
            expected=f"shape {activation.shape[1:]}",
            found=f"shape {saliency.shape}",
        )
    cues = foreground_cues(activation, tags, threshold)
    cues[background_cues(saliency, background) & (cues == UNLABELLED)] = 0
    return cues


def foreground_cues(activation: NDArray[np.floating], tags: NDArray[np.bool_], threshold: float = 0.2) -> Labels:
    """Label the pixels where a class is active to a part of its maximum; where classes meet, the smaller one wins.

    Args:
        activation: Class-activation map of each class, (K, *spatial); that of the background, class 0, is not used.
        tags: The classes present, (K,); only these get cues.
        threshold: The part of a class's maximum, from 0 to 1. A class whose maximum is not above 0 gets no cues.

    Returns:
        Class of each seed pixel, 255 elsewhere, (*spatial).

    Raises:
        InputError: Shapes that do not fit, values that are not finite, or a threshold outside [0, 1].
    """
    if tags.shape != activation.shape[:1]:
        raise InputError(
            "the tags do not fit the activation", expected=f"{len(activation)} classes", found=f"shape {tags.shape}"
        )
    _require_finite("the activation", activation)
    _require_fraction("threshold", threshold)
    active: dict[int, Mask] = {}
    for k in range(1, len(activation)):
        if tags[k] and activation[k].max() > 0:
            active[k] = activation[k] >= threshold * activation[k].max()
    cues = np.full(activation.shape[1:], UNLABELLED, dtype=np.uint8)
    for k in sorted(active, key=lambda k: active[k].sum(), reverse=True):  # the smaller over the larger
        cues[active[k]] = k
    return cues


def background_cues(saliency: NDArray[np.floating], fraction: float = 0.1) -> Mask:
    """Mark the least salient pixels, after a median filter of 3 × 3 (3 × 3 × 3, …) that takes out the noise.

    Args:
        saliency: How much any class depends on each pixel, any number of dimensions.
        fraction: How many pixels are marked, a fraction of all; among equals, the first.

    Returns:
        True on the marked pixels.

    Raises:
        InputError: Values that are not finite, or a fraction outside [0, 1].
    """
    _require_finite("the saliency", saliency)
    _require_fraction("fraction", fraction)
    smooth = ndimage.median_filter(saliency, size=3)
    least = np.argsort(smooth, axis=None, kind="stable")[: round(fraction * saliency.size)]
    marked = np.zeros(saliency.shape, dtype=np.bool_)
    marked.flat[least] = True
    return marked


def _require_finite(name: str, values: NDArray[np.floating]) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{name} has values that are not finite", expected="numbers", found="NaN or infinity")


def _require_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name} cannot be used", expected="a number from 0 to 1", found=str(value))
