"""DeepMind's ``surface-distance`` as an oracle, under a numpy and a scipy that are newer than it is."""

from types import SimpleNamespace
from unittest import mock

import numpy as np
import scipy.ndimage
import surface_distance
from surface_distance import metrics


def deepmind(prediction, reference, spacing_mm, tolerance_mm):
    """Return HD95, ASSD (the mean of the two directions) and NSD as the package computes them."""
    filters = SimpleNamespace(filters=scipy.ndimage, morphology=scipy.ndimage)
    with (
        mock.patch.object(np, "Inf", np.inf, create=True),
        mock.patch.object(metrics, "ndimage", filters),
        np.errstate(invalid="ignore"),
    ):
        distances = surface_distance.compute_surface_distances(reference, prediction, spacing_mm)
        average = surface_distance.compute_average_surface_distance(distances)
        return (
            surface_distance.compute_robust_hausdorff(distances, 95),
            sum(average) / 2,
            surface_distance.compute_surface_dice_at_tolerance(distances, tolerance_mm),
        )
