"""Distances between the surfaces of two masks in mm: HD95, ASSD and NSD, under one rule for empty masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from medsize.metrics.surface_elements import Mask, surface_elements


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """How far each element of either surface is from the other surface.

    Attributes:
        from_prediction_mm: Of the prediction's elements, ascending; infinite where the reference is empty.
        from_reference_mm: Of the reference's elements, ascending; infinite where the prediction is empty.
        areas_prediction: mm² (2-D: mm) of the same elements.
        areas_reference: mm² (2-D: mm) of the same elements.
    """

    from_prediction_mm: NDArray[np.float64]
    from_reference_mm: NDArray[np.float64]
    areas_prediction: NDArray[np.float64]
    areas_reference: NDArray[np.float64]

    @property
    def empty(self) -> int:
        """How many of the two masks are empty."""
        return (not len(self.from_prediction_mm)) + (not len(self.from_reference_mm))


def surface_distances(prediction: Mask, reference: Mask, spacing_mm: Sequence[float]) -> SurfaceDistances:
    """Measure the distances that HD95, ASSD and NSD are made of.

    The surfaces and the areas of their elements are those of DeepMind's ``surface-distance`` (see
    :mod:`medsize.metrics.surface_elements`), and so are all figures made of them. Only the box that holds both
    masks is looked at. The axes are taken as perpendicular.

    Args:
        prediction: (X, Y) or (X, Y, Z).
        reference: The same shape.
        spacing_mm: Distance of the voxels along each axis.

    Raises:
        ValueError: The shapes differ, or do not fit the spacing.
    """
    if prediction.shape != reference.shape or prediction.ndim != len(spacing_mm):
        raise ValueError(
            "expected two masks of one shape and a spacing for each axis, "
            f"found {prediction.shape}, {reference.shape} and {len(spacing_mm)} spacings"
        )
    box = bounding_box(prediction | reference)
    corners_p, areas_p = surface_elements(prediction[box], spacing_mm)
    corners_r, areas_r = surface_elements(reference[box], spacing_mm)
    from_prediction = _distances(corners_p, corners_r, spacing_mm)
    from_reference = _distances(corners_r, corners_p, spacing_mm)
    order_p, order_r = np.lexsort((areas_p, from_prediction)), np.lexsort((areas_r, from_reference))
    return SurfaceDistances(from_prediction[order_p], from_reference[order_r], areas_p[order_p], areas_r[order_r])


def hd95_mm(distances: SurfaceDistances) -> float:
    """Return the 95th percentile Hausdorff distance.

    Of each surface, the distance within which 95 % of its area lies to the other one; the larger of the two.

    Returns:
        In mm; infinite if one mask is empty, NaN if both are.
    """
    if distances.empty:
        return _of_empty(distances)
    return max(
        _percentile(distances.from_prediction_mm, distances.areas_prediction, 0.95),
        _percentile(distances.from_reference_mm, distances.areas_reference, 0.95),
    )


def assd_mm(distances: SurfaceDistances) -> float:
    """Return the average symmetric surface distance.

    The mean, over both directions, of the mean distance of a surface from the other one, weighted by area: half the
    sum of the two figures of ``surface_distance.compute_average_surface_distance``, so that either surface counts
    the same however large it is.

    Returns:
        In mm; infinite if one mask is empty, NaN if both are.
    """
    if distances.empty:
        return _of_empty(distances)
    there = np.average(distances.from_prediction_mm, weights=distances.areas_prediction)
    back = np.average(distances.from_reference_mm, weights=distances.areas_reference)
    return float(there + back) / 2


def normalised_surface_dice(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Return the share of both surfaces that lies within a tolerance of the other (NSD, surface Dice).

    Args:
        distances: Of the two masks.
        tolerance_mm: How far borders may be apart, e.g. as far as those of two experts are; 0 or more.

    Returns:
        From 0 to 1; 0 if one mask is empty, NaN if both are.
    """
    if distances.empty:
        return 0.0 if distances.empty == 1 else float("nan")
    near = (
        distances.areas_prediction[distances.from_prediction_mm <= tolerance_mm].sum()
        + distances.areas_reference[distances.from_reference_mm <= tolerance_mm].sum()
    )
    return float(near / (distances.areas_prediction.sum() + distances.areas_reference.sum()))


def bounding_box(mask: Mask) -> tuple[slice, ...]:
    """Return the smallest box that holds a mask; an empty one of an empty mask."""
    box = []
    for axis in range(mask.ndim):
        holds = np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(int(holds[0]), int(holds[-1]) + 1) if len(holds) else slice(0, 0))
    return tuple(box)


def _distances(of: Mask, to: Mask, spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    if not to.any():
        return np.full(np.count_nonzero(of), np.inf)
    nearest = distance_transform_edt(~to, sampling=tuple(spacing_mm), return_distances=False, return_indices=True)
    steps = (nearest[:, of] - np.stack(np.nonzero(of))) * np.asarray(spacing_mm, np.float64)[:, None]
    distances: NDArray[np.float64] = np.sqrt((steps**2).sum(0))
    return distances


def _percentile(distances: NDArray[np.float64], areas: NDArray[np.float64], share: float) -> float:
    within = np.cumsum(areas) / np.sum(areas)
    return float(distances[min(int(np.searchsorted(within, share)), len(distances) - 1)])


def _of_empty(distances: SurfaceDistances) -> float:
    return float("inf") if distances.empty == 1 else float("nan")
