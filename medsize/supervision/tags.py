"""Tags: which classes an image holds."""

import numpy as np
from numpy.typing import NDArray


def tags_from_sizes(sizes: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell which classes are present from their sizes.

    Args:
        sizes: Fractions of the image, (N, K), background first; NaN is unknown.

    Returns:
        True for the classes present, (N, K); the background always is. A row without any True is unknown: it has an
        unknown structure, for tags cannot say of one alone that nobody knows whether it is there.
    """
    unknown = np.isnan(sizes[:, 1:]).any(1, keepdims=True)
    tags: NDArray[np.bool_] = (sizes > 0) & ~unknown
    tags[:, :1] = ~unknown
    return tags
