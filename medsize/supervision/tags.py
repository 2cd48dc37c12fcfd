"""Tags: which classes an image holds."""

import numpy as np
from numpy.typing import NDArray


def tags_from_sizes(sizes: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell which classes are present from their sizes.

    Args:
        sizes: Fractions of the image, (N, K), background first; a row of NaN is unknown.

    Returns:
        True for the classes present, (N, K); the background always is. A row without any True is unknown.
    """
    tags = sizes > 0
    tags[:, 0] = ~np.isnan(sizes).any(1)
    return tags
