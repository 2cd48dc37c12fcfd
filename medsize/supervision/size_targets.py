"""Size targets: how large each class is said to be, exactly or with the papers' noise."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medsize.data.unlabelled import UNLABELLED

Fractions = NDArray[np.float64]
NoiseOn = Literal["all", "foreground"]


def exact_sizes(label: NDArray[np.uint8], classes: int, domain: NDArray[np.bool_] | None = None) -> Fractions:
    """Measure the size of every class on a label.

    Args:
        label: Class of each pixel, any number of dimensions, 255 unknown.
        classes: K, background included.
        domain: True on the pixels that belong to the image, False on padding, of the label's shape.

    Returns:
        Fractions of the image, (K,), that sum to 1; padding and unknown pixels do not count. NaN if none is left.
    """
    known = label != UNLABELLED
    counts = np.bincount(label[known if domain is None else known & domain], minlength=classes)
    total = counts.sum()
    return counts / total if total else np.full(classes, np.nan)


def noisy_sizes(
    exact: NDArray[np.floating], noise: float, rng: np.random.Generator, noise_on: NoiseOn = "all"
) -> Fractions:
    """Corrupt exact sizes: ``v_k ← (1 + ε_k) v̂_k`` with ``ε_k ~ N(0, σ)``, renormalised to sum to 1.

    "Approximate Size Targets" (P0) eq. 15, with ``σ = noise · √(π/2)`` from eq. 16. As a factor ``1 + ε ≤ 0``
    would delete a class that is there, it is drawn again until it is positive; at large noise the measured error
    is therefore below the nominal one. Renormalising lets the background's noise into the structures: with noise on
    ``"all"``, a small structure errs about √2 times the nominal noise. :func:`mean_relative_error` measures it.

    Args:
        exact: v̂, fractions of the image, (N, K), background first; a row of NaN is unknown and stays so.
        noise: Nominal mean relative error, e.g. 0.08.
        rng: Draws N·K values and then, if any factor was not positive, more.
        noise_on: ``"all"``, the equation as written, or ``"foreground"``: the background's ε is 0.

    Returns:
        v, (N, K).
    """
    exact = exact.astype(np.float64)
    sigma = noise * math.sqrt(math.pi / 2)
    factor = 1 + rng.normal(0, sigma, exact.shape)
    while (wrong := factor <= 0).any():
        factor[wrong] = 1 + rng.normal(0, sigma, wrong.sum())
    if noise_on == "foreground":
        factor[:, 0] = 1
    noisy = factor * exact
    result: Fractions = noisy / noisy.sum(1, keepdims=True)
    return result


def mean_sizes(exact: NDArray[np.floating]) -> Fractions:
    """Give every image one fixed size a structure: its mean over the images that hold it.

    Args:
        exact: Fractions of the image, (N, K), background first; a row of NaN is unknown and stays so.

    Returns:
        Fractions, (N, K), that sum to 1: the mean for each structure that an image holds, 0 for the others, the rest
        for the background. Where the means together exceed the image, they share it in proportion.
    """
    present = exact > 0
    count = present.sum(0)
    means = np.where(present, exact, 0).sum(0) / np.maximum(count, 1)
    sizes: Fractions = np.where(present, means, 0.0).astype(np.float64)
    sizes[:, 0] = 0
    structures = sizes.sum(1, keepdims=True)
    sizes /= np.maximum(structures, 1)
    sizes[:, 0] = np.maximum(1 - sizes[:, 1:].sum(1), 0)
    sizes[np.isnan(exact).any(1)] = np.nan
    return sizes


def mean_relative_error(given: NDArray[np.floating], exact: NDArray[np.floating]) -> tuple[Fractions, float]:
    """Measure how far given sizes are from exact ones: ``RE = |v − v̂| / v̂``, P0 eq. 14 and 16.

    Args:
        given: v, fractions of the image, (N, K), background first; NaN is unknown.
        exact: v̂, (N, K); NaN is unknown.

    Returns:
        The mean error of each class over the images that hold it, (K,), and the mean over all structures (not the
        background) and images. NaN where no image tells.
    """
    counts = (exact > 0) & ~np.isnan(given)
    error = np.where(counts, np.abs(given - exact) / np.where(counts, exact, 1), 0.0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
        each = error.sum(0) / counts.sum(0)
        structures = error[:, 1:].sum() / counts[:, 1:].sum()
    return each, float(structures)
