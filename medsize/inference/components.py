"""The largest connected component of each structure."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_TOUCHING = ndimage.generate_binary_structure(3, 3)


def keep_largest(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the largest connected component of each structure; the rest of it becomes background.

    Voxels are connected where they share a face, an edge or a corner (26 neighbours), across slices too, as in
    ``medsize.losses.connected_components`` and nnU-Net. The largest is the one of most voxels, and of several
    equally large the first in the order of the array. Structures are looked at one by one: what one loses does
    not become another's.

    Args:
        classes: (X, Y, Z) class indices, 0 the background.

    Returns:
        (X, Y, Z), a new array.
    """
    kept = classes.copy()
    for number, box in enumerate(ndimage.find_objects(classes), start=1):
        if box is None:
            continue
        mask = classes[box] == number
        components, count = ndimage.label(mask, _TOUCHING)
        if count > 1:
            voxels = np.bincount(components.ravel())[1:]
            kept[box][mask & (components != 1 + voxels.argmax())] = 0
    return kept
