"""Which class was taken for which, counted over pixels: what the figures of photo data sets are made of."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

VOID: Final = 255
"""Pixels of a reference that count for nothing."""


def confusion(prediction: NDArray[np.uint8], reference: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Count the pixels of every true and predicted class.

    Matrices of images add up to that of the set: mIoU by the rules of PASCAL VOC and of COCO is computed on this sum,
    and is no mean over images (M. Everingham et al., IJCV 88(2), 2010, section 4.3).

    Args:
        prediction: Class indices, any shape; below ``classes`` wherever the reference is not void.
        reference: Class indices, or :data:`VOID`; the same shape.
        classes: K, with the background, class 0.

    Returns:
        (K, K): the true class along the rows, the predicted one along the columns; void counts nowhere.

    Raises:
        ValueError: The shapes differ, or a class is not below K.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction and reference: expected one shape, found {prediction.shape}, {reference.shape}")
    pairs = np.bincount((reference.astype(np.uint16) << 8 | prediction).ravel(), minlength=1 << 16).reshape(256, 256)
    pairs = pairs[:VOID]
    if pairs[classes:].any() or pairs[:, classes:].any():
        raise ValueError(f"expected classes below {classes}, and {VOID} for void in the reference")
    return np.asarray(pairs[:classes, :classes], np.int64)


def counts(matrix: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return what of each class, (K,), is right, predicted and true: all that IoU, precision and recall need."""
    return np.diagonal(matrix), matrix.sum(0), matrix.sum(1)


def class_iou(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the intersection over the union of each class, (K,); NaN of a class that is in neither."""
    right, predicted, true = counts(matrix)
    union = predicted + true - right
    return np.asarray(np.divide(right, union, out=np.full(len(right), np.nan), where=union > 0), np.float64)


def mean_iou(matrix: NDArray[np.int64]) -> float:
    """Return mIoU: the mean over the classes that the reference or the prediction holds, the background among them.

    Args:
        matrix: Of the whole data set, see :func:`confusion`.
    """
    found = class_iou(matrix)
    present = found[~np.isnan(found)]
    return float(present.mean()) if present.size else float("nan")
