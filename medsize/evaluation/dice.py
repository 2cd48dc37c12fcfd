"""The Dice coefficient, under rules for empty masks that are said aloud."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

RULES: Final = {
    "dice_scan": (
        "one Dice per case, over all voxels of its own grid: 0 if only the label or only the prediction is empty, "
        "undefined (left out of the mean, and counted) if both are"
    ),
    "dice_slice": (
        "one Dice per slice, averaged over all slices: 0 if only the label or only the prediction is empty, "
        "1 if both are"
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
