"""How well single objects were found: the instance-aware IoU of "Small Objects Matters" (P4, section 2)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from medsize.metrics.confusion import VOID

_EIGHT_NEIGHBOURS: Final = np.ones((3, 3), np.int8)


@dataclass(frozen=True, slots=True)
class InstanceScores:
    """The instances of an image's reference, one entry each.

    Attributes:
        classes: Of each, (n,); 0 for the background, which is one instance wherever there is any.
        areas: Pixels of the reference, (n,).
        ious: Of each, from 0 to 1, (n,).
    """

    classes: NDArray[np.int64]
    areas: NDArray[np.int64]
    ious: NDArray[np.float64]


def score_instances(
    prediction: NDArray[np.uint8], reference: NDArray[np.uint8], instances: NDArray[np.integer] | None = None
) -> InstanceScores:
    """Compute the IoU of each instance of a reference.

    A predicted region (8-connected pixels of one class) belongs to the instances of its class that it overlaps: to a
    single one whole; of several, each gets its overlap and of the rest a share in proportion to the overlaps. With
    the overlap I of an instance, ``IoU = I / (assigned + area − I)``. A region that overlaps no instance of its class
    counts for none: it takes from the background.

    Void pixels of the reference hold regions together, but count nowhere. An instance in several pieces is one; two
    that touch are two only if ``instances`` says so.

    Args:
        prediction: (H, W) class indices.
        reference: (H, W) class indices, or :data:`VOID`.
        instances: (H, W) numbers of the instances, 0 and void where there is none; only pixels of one class make up
            an instance. Where it has no number, and if it is not given, the 8-connected pieces of each class are
            the instances. Of the background all is one.

    Raises:
        ValueError: The images are not two-dimensional or their shapes differ.
    """
    shapes = [array.shape for array in (prediction, reference, instances) if array is not None]
    if len(set(shapes)) > 1 or prediction.ndim != 2:
        raise ValueError(f"expected images of one height and width, found {', '.join(map(str, shapes))}")
    present = np.flatnonzero(np.bincount(reference.ravel(), minlength=VOID + 1)[:VOID])
    found = [_score_class(prediction, reference, instances, number) for number in present.tolist()]
    areas = np.concatenate([area for area, _ in found]) if found else np.empty(0, np.int64)
    ious = np.concatenate([iou for _, iou in found]) if found else np.empty(0)
    return InstanceScores(np.repeat(present, [len(area) for area, _ in found]), areas, ious)


def _score_class(
    prediction: NDArray[np.uint8], reference: NDArray[np.uint8], instances: NDArray[np.integer] | None, number: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return area and IoU of each instance of one class that the reference holds."""
    box = _box((reference == number) | (prediction == number))
    there, count = _number_instances(reference[box] == number, None if instances is None else instances[box], number)
    pieces, _ = ndimage.label(prediction[box] == number, _EIGHT_NEIGHBOURS)
    areas = np.bincount(there.ravel(), minlength=count + 1)[1:]
    sizes = np.bincount(pieces[reference[box] != VOID], minlength=int(pieces.max()) + 1)
    both = (there > 0) & (pieces > 0)
    overlap = sparse.csr_matrix(
        (np.ones(np.count_nonzero(both)), (pieces[both], there[both] - 1)), shape=(len(sizes), count)
    )
    touched = np.asarray(overlap.sum(1)).ravel()
    # its overlap, and of the region's other pixels the share of that overlap: together that share of the region
    assigned = overlap.T @ np.divide(sizes, touched, out=np.zeros(len(sizes)), where=touched > 0)
    found = np.asarray(overlap.sum(0)).ravel()
    return areas.astype(np.int64), found / (assigned + areas - found)


def _number_instances(
    mask: NDArray[np.bool_], instances: NDArray[np.integer] | None, number: int
) -> tuple[NDArray[np.int64], int]:
    """Number the instances of a class from 1, with 0 elsewhere, and return how many there are."""
    if number == 0:
        return mask.astype(np.int64), 1
    if instances is None:
        pieces, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
        return pieces.astype(np.int64), count
    told = mask & (instances > 0) & (instances != VOID)
    _, numbers = np.unique(instances[told], return_inverse=True)
    rest, more = ndimage.label(mask & ~told, _EIGHT_NEIGHBOURS)
    count = int(numbers.max()) + 1 if numbers.size else 0
    there = np.where(rest > 0, rest + count, 0).astype(np.int64)
    there[told] = numbers + 1
    return there, count + more


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the smallest rectangle that holds a mask with at least one pixel."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
