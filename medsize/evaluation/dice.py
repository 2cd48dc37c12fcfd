"""The Dice coefficient, under rules for empty masks that are said aloud."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

RULES: Final = {
    "dice_scan": (
        "2·|P ∩ T| / (|P| + |T|) over all voxels of a case on its own grid; 0 if only one of the two is empty. "
        "Where both are empty it is undefined: the case is counted and listed, and enters no mean."
    ),
    "dice_slice": (
        "the same on each slice, a slice where both are empty counting 1; of a case, the mean over its slices; "
        "of several cases, the mean over all their slices."
    ),
}
"""What the two Dice figures mean, in words that go beside every one of them."""


def dice_scan(prediction: Mask, reference: Mask) -> float:
    """Compare two masks of one structure over a whole case: one number a case, no reward for empty slices.

    Args:
        prediction: Any shape.
        reference: The same shape.

    Returns:
        From 0 to 1; 0 if only one mask is empty; NaN, undefined, if both are. Whoever averages must count the
        undefined cases, never drop them silently.

    Raises:
        ValueError: The shapes differ.
    """
    _require_same_shape(prediction, reference)
    overlap = np.count_nonzero(prediction & reference)
    total = np.count_nonzero(prediction) + np.count_nonzero(reference)
    return 2 * overlap / total if total else float("nan")


def dice_slice(prediction: Mask, reference: Mask) -> NDArray[np.float64]:
    """Compare two masks of one structure slice by slice, as the size-constraint authors report it.

    Args:
        prediction: (*plane, Z), slices along the last axis.
        reference: The same shape.

    Returns:
        (Z,), from 0 to 1: 1 on a slice where both masks are empty, 0 where only one is.

    Raises:
        ValueError: The shapes differ.
    """
    _require_same_shape(prediction, reference)
    plane = tuple(range(prediction.ndim - 1))
    overlap = np.count_nonzero(prediction & reference, axis=plane)
    total = np.count_nonzero(prediction, axis=plane) + np.count_nonzero(reference, axis=plane)
    return np.where(total == 0, 1.0, 2 * overlap / np.maximum(total, 1))


def _require_same_shape(prediction: Mask, reference: Mask) -> None:
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction and reference: expected one shape, found {prediction.shape}, {reference.shape}")
