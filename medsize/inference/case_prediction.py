"""A network over one volume, and the way back to the volume's own grid."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medsize.config.data import Preprocessing
from medsize.data.geometry import grid_for
from medsize.data.volumes import Volume
from medsize.inference.predict_slices import most_probable, predict_probabilities
from medsize.inference.refinement import refine_batches
from medsize.losses import Refine


def predict_case(
    network: nn.Module,
    volume: Volume,
    preprocessing: Preprocessing,
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
    refine: Refine | None = None,
) -> NDArray[np.uint8]:
    """Segment a volume on its own grid.

    The intensities are scaled to [0, 1] over the volume, the planes brought onto the slice grid, as in training; the
    probabilities (not the labels) are interpolated back, and the most probable class is taken there.

    Args:
        network: Maps (B, 1, H, W) to logits (B, K, H, W); on ``device``.
        volume: The image, (X, Y, Z).
        preprocessing: The run's way from volume to slices.
        device: Where the network is.
        precision: Of the network's arithmetic.
        batch_size: Slices at a time; memory grows with it, not with the number of slices.
        refine: Changes the probabilities of each slice, on the slice grid, before they are interpolated back.

    Returns:
        (X, Y, Z) class indices, 0 the background.
    """
    x, y, _ = volume.array.shape
    grid = grid_for(preprocessing, (x, y), volume.spacing_mm[:2])
    slices = np.moveaxis(grid.resample(scale_to_unit(volume.array), 1), -1, 0)[:, None]
    batches = predict_probabilities(
        network, slices, np.arange(len(slices)), device=device, precision=precision, batch_size=batch_size
    )
    if refine is not None:
        batches = refine_batches(refine, batches, slices, grid.domain())
    planes = [most_probable(grid.to_case(batch.permute(1, 2, 3, 0)), dim=0).cpu().numpy() for batch in batches]
    return np.concatenate(planes, axis=-1)


def scale_to_unit(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intensities scaled to [0, 1] by the smallest and largest of the volume."""
    low, high = array.min(), array.max()
    scaled: NDArray[np.float32] = (array - low) / (high - low)
    return scaled
