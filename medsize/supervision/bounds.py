"""Size bounds: a lower and an upper limit on the size of each class, for the barrier that rivals size targets."""

import numpy as np
from numpy.typing import NDArray

from medsize.config.supervision import Bounds, CommonBounds
from medsize.supervision.tags import tags_from_sizes

Fractions = NDArray[np.float64]


def make_bounds(config: Bounds, sizes: NDArray[np.floating]) -> Fractions:
    """Make the bounds that a configuration describes.

    Args:
        config: Common or individual bounds.
        sizes: Fractions of the image, (N, K), background first; a row of NaN is unknown.

    Returns:
        Lower and upper bounds, (N, K, 2).
    """
    if isinstance(config, CommonBounds):
        return common_bounds(tags_from_sizes(sizes), config.lower, config.upper)
    return individual_bounds(sizes, config.tolerance)


def common_bounds(tags: NDArray[np.bool_], lower: float, upper: float) -> Fractions:
    """The same bounds for every image that holds a structure.

    Args:
        tags: True for the classes present, (N, K), background first; a row without any True is unknown.
        lower: Lower bound of a structure that is present, a fraction of the image.
        upper: Upper bound of a structure that is present.

    Returns:
        Lower and upper bounds, (N, K, 2): both 0 for an absent structure; the background has what the structures
        leave, at least 0; NaN for unknown rows.
    """
    bounds = np.where(tags[..., None], [lower, upper], 0.0)
    bounds[~tags.any(1)] = np.nan
    return _with_background(bounds)


def individual_bounds(sizes: NDArray[np.floating], tolerance: float) -> Fractions:
    """Bounds around each image's own sizes, e.g. ±10 %.

    Args:
        sizes: Fractions of the image, (N, K), background first; a row of NaN is unknown.
        tolerance: Relative distance of the bounds, 0.10 for ±10 %.

    Returns:
        Lower and upper bounds, (N, K, 2): both 0 for an absent structure; the background has what the structures
        leave, at least 0; NaN for unknown rows.
    """
    return _with_background(np.minimum(sizes[..., None] * np.array([1 - tolerance, 1 + tolerance]), 1.0))


def _with_background(bounds: Fractions) -> Fractions:
    # The background is smallest where the structures are largest, so its bounds come from theirs swapped.
    bounds[:, 0] = np.maximum(1 - bounds[:, 1:, ::-1].sum(1), 0)
    return bounds
