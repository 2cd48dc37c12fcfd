"""The figures of one photo: which class was taken for which, and how well each object was found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.metrics.confusion import VOID, confusion
from medsize.metrics.instances import InstanceScores, score_instances
from medsize.metrics.measures import PHOTO_MEASURES

BACKGROUND: Final = "background"
"""What class 0 is called in tables."""

PHOTO_COLUMNS: Final = (
    "checkpoint",
    "split",
    "case",
    "group",
    "structure",
    *PHOTO_MEASURES,
    "voxels_predicted",
    "voxels_true",
    "voxels_overlap",
    "voxels",
    "failure",
)
"""Columns of ``metrics.csv``: one row a checkpoint, photo and class that its label or its prediction holds."""

INSTANCE_COLUMNS: Final = ("checkpoint", "split", "case", "structure", "area_pixels", "iou")
"""Columns of ``instances.csv``: one row an object of a label."""

CONFUSION_COLUMNS: Final = ("checkpoint", "split", "true", "predicted", "pixels", "images")
"""Columns of ``confusion.csv``: the confusion matrix of the whole set, without its zeros."""


@dataclass(frozen=True, slots=True)
class PhotoScore:
    """How one photo was segmented, in numbers that add up over photos.

    Attributes:
        pairs: True class, predicted class and their pixels, (n, 3); void counts nowhere.
        instances: The objects of its label, the background first.
    """

    pairs: NDArray[np.int64]
    instances: InstanceScores

    def matrix(self, classes: int) -> NDArray[np.int64]:
        """Return the confusion matrix, (K, K), true classes along the rows."""
        matrix = np.zeros((classes, classes), np.int64)
        matrix[self.pairs[:, 0], self.pairs[:, 1]] = self.pairs[:, 2]
        return matrix


def score_photo(
    prediction: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    values: Mapping[str, int],
    instances: NDArray[np.integer] | None = None,
) -> PhotoScore:
    """Compare a predicted mask with its label.

    Args:
        prediction: (H, W) values as in mask files; values that stand for no structure are background.
        reference: (H, W) likewise; 255 is void unless a structure has that value.
        values: Structure to its value, in class order.
        instances: See :func:`medsize.metrics.instances.score_instances`.
    """
    class_of = np.zeros(256, np.uint8)
    class_of[list(values.values())] = np.arange(1, len(values) + 1)
    predicted = class_of[prediction]
    if VOID not in values.values():
        class_of[VOID] = VOID
    true = class_of[reference]
    matrix = confusion(predicted, true, len(values) + 1)
    found = np.argwhere(matrix)
    return PhotoScore(
        np.column_stack([found, matrix[tuple(found.T)]]).astype(np.int64),
        score_instances(predicted, true, instances),
    )
