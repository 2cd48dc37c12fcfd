"""How far two masks cover the same voxels: Jaccard, precision, recall and F-measure, from three counts."""

import math
from typing import Final

BETA_SQUARED: Final = 0.3
"""Of the F-measure: precision weighs more than recall, as is usual for salient objects."""


def jaccard(overlap: int, predicted: int, true: int) -> float:
    """Return the intersection over the union, nnU-Net's IoU.

    Args:
        overlap: Voxels in both masks.
        predicted: Voxels of the prediction.
        true: Voxels of the reference.

    Returns:
        From 0 to 1; 0 if only one mask is empty, NaN if both are.
    """
    union = predicted + true - overlap
    return overlap / union if union else math.nan


def precision(overlap: int, predicted: int, true: int) -> float:
    """Return the share of the prediction that is right (arguments as :func:`jaccard`).

    Returns:
        From 0 to 1; 0 if only one mask is empty (nothing predicted is not precise), NaN if both are.
    """
    return _share(overlap, predicted, true)


def recall(overlap: int, predicted: int, true: int) -> float:
    """Return the share of the reference that was found, the sensitivity (arguments as :func:`jaccard`).

    Returns:
        From 0 to 1; 0 if only one mask is empty, NaN if both are.
    """
    return _share(overlap, true, predicted)


def f_measure(overlap: int, predicted: int, true: int) -> float:
    """Return (1 + β²) · precision · recall / (β² · precision + recall), β² = 0.3 (arguments as :func:`jaccard`).

    R. Achanta et al., "Frequency-tuned salient region detection", CVPR 2009, eq. 7. With β² = 1 it would be Dice.

    Returns:
        From 0 to 1; 0 if only one mask is empty, NaN if both are.
    """
    weighted = BETA_SQUARED * true + predicted
    return (1 + BETA_SQUARED) * overlap / weighted if weighted else math.nan


def _share(overlap: int, of: int, other: int) -> float:
    if of:
        return overlap / of
    return 0.0 if other else math.nan
