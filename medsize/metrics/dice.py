"""The Dice coefficient, of whole cases and of slices (see :mod:`medsize.evaluation.rules`)."""

import math

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


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
    return dice_of_counts(int(overlap), int(np.count_nonzero(prediction)), int(np.count_nonzero(reference)))


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
    return dice_slice_of_counts(*(count_slices(mask) for mask in (prediction & reference, prediction, reference)))


def count_slices(mask: Mask) -> NDArray[np.int64]:
    """Return how many voxels of a mask, (*plane, Z), are in each slice, (Z,)."""
    return np.asarray(np.count_nonzero(mask, axis=tuple(range(mask.ndim - 1))), np.int64)


def dice_of_counts(overlap: int, predicted: int, true: int) -> float:
    """Return the Dice of masks by the voxels in both, in the prediction and in the reference; NaN of none at all."""
    return 2 * overlap / (predicted + true) if predicted + true else math.nan


def dice_slice_of_counts(
    overlap: NDArray[np.int64], predicted: NDArray[np.int64], true: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the Dice of each slice, (Z,), by the voxels in both masks, in the prediction and in the reference."""
    total = predicted + true
    return np.where(total == 0, 1.0, 2 * overlap / np.maximum(total, 1))


def _require_same_shape(prediction: Mask, reference: Mask) -> None:
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction and reference: expected one shape, found {prediction.shape}, {reference.shape}")
