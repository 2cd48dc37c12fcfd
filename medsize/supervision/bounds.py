"""Size bounds: a lower and an upper limit on the size of each class, for the barrier that rivals size targets."""

import numpy as np
from numpy.typing import NDArray

from medsize.config.supervision import Bounds, CommonBounds, TableBounds
from medsize.errors import InputError

Fractions = NDArray[np.float64]


def make_bounds(config: Bounds, sizes: NDArray[np.floating], ranges: NDArray[np.floating] | None = None) -> Fractions:
    """Make the bounds that a configuration describes.

    Args:
        config: Common or individual bounds, or those of a table.
        sizes: Fractions of the image, (N, K), background first; NaN is unknown.
        ranges: What a table gives, (N, K, 2); NaN is unknown.

    Returns:
        Lower and upper bounds, (N, K, 2).

    Raises:
        InputError: Common lower bounds exceed an image that holds several structures.
    """
    if isinstance(config, TableBounds):
        assert ranges is not None, "the configuration allows such bounds with a table alone"
        return table_bounds(ranges, sizes, config.tolerance)
    if not isinstance(config, CommonBounds):
        return individual_bounds(sizes, config.tolerance)
    most = int((sizes[:, 1:] > 0).sum(1).max(initial=0))
    if most * config.lower > 1:
        raise InputError(
            f"the lower bound {config.lower:g} cannot hold for {most} structures at once",
            expected=f"at most 1/{most} of the image",
            remedy="lower supervision.bounds.lower, or use individual bounds",
        )
    return common_bounds(sizes, config.lower, config.upper)


def table_bounds(
    ranges: NDArray[np.floating], sizes: NDArray[np.floating], tolerance: float | None = None
) -> Fractions:
    """The ranges that people gave, and where they gave a value alone one around it.

    Args:
        ranges: Fractions of the image, (N, K, 2); NaN is unknown.
        sizes: Fractions of the image, (N, K), background first; NaN is unknown.
        tolerance: Relative distance of the bounds around a value; None leaves them unknown.

    Returns:
        Lower and upper bounds, (N, K, 2). The background has none of its own: it takes what the structures leave.
    """
    bounds = ranges.astype(np.float64)
    if tolerance is not None:
        around = individual_bounds(sizes, tolerance)
        bounds = np.where(np.isnan(bounds).all(-1, keepdims=True), around, bounds)
    bounds[:, 0] = np.nan
    return bounds


def common_bounds(sizes: NDArray[np.floating], lower: float, upper: float) -> Fractions:
    """The same bounds for every image that holds a structure.

    Args:
        sizes: Fractions of the image, (N, K), background first; NaN is unknown. All that counts is which are 0.
        lower: Lower bound of a structure that is present, a fraction of the image.
        upper: Upper bound of a structure that is present.

    Returns:
        Lower and upper bounds, (N, K, 2): both 0 for an absent structure, NaN for an unknown one; the background has
        what the structures leave, at least 0, and NaN where one of them is unknown.
    """
    bounds = np.where(sizes[..., None] > 0, [lower, upper], 0.0)
    bounds[np.isnan(sizes)] = np.nan
    return _with_background(bounds)


def individual_bounds(sizes: NDArray[np.floating], tolerance: float) -> Fractions:
    """Bounds around each image's own sizes, e.g. ±10 %.

    Args:
        sizes: Fractions of the image, (N, K), background first; NaN is unknown.
        tolerance: Relative distance of the bounds, 0.10 for ±10 %.

    Returns:
        Lower and upper bounds, (N, K, 2): both 0 for an absent structure, NaN for an unknown one; the background has
        what the structures leave, at least 0, and NaN where one of them is unknown.
    """
    return _with_background(np.minimum(sizes[..., None] * np.array([1 - tolerance, 1 + tolerance]), 1.0))


def _with_background(bounds: Fractions) -> Fractions:
    # The background is smallest where the structures are largest, so its bounds come from theirs swapped.
    bounds[:, 0] = np.maximum(1 - bounds[:, 1:, ::-1].sum(1), 0)
    return bounds
