"""A network over one volume, and the way back to the volume's own grid."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medsize.config.data import Preprocessing
from medsize.data.geometry import SliceGrid, grid_for
from medsize.data.photo_slices import photo_on_grid
from medsize.data.volumes import Volume
from medsize.errors import InputError
from medsize.inference.predict_slices import most_probable, predict_probabilities
from medsize.inference.refinement import refine_batches
from medsize.losses import Refine

Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class CaseSlices:
    """A volume as a network sees it.

    Attributes:
        slices: (Z, C, H, W) float32 in [0, 1].
        grid: How the slices lie on the planes of the volume.
        path: Where the volume was read from.
    """

    slices: NDArray[np.float32]
    grid: SliceGrid
    path: Path

    @classmethod
    def of(cls, volume: Volume, preprocessing: Preprocessing) -> "CaseSlices":
        """Scale the intensities to [0, 1] over the volume and bring its planes onto the slice grid, as in training.

        A photo has its three colours instead, and 8 bits are the unit.

        Raises:
            InputError: It is a photo and the network is one for volumes, or the other way round.
        """
        x, y, _ = volume.array.shape
        grid = grid_for(preprocessing, (x, y), volume.spacing_mm[:2])
        if (volume.colours is None) == (preprocessing.name == "photo"):
            wanted, found = ("a photo", "a volume") if volume.colours is None else ("a volume", "a photo")
            raise InputError(f"{volume.path} does not suit this run", expected=f"{wanted}, as in training", found=found)
        if volume.colours is not None:
            square = np.moveaxis(photo_on_grid(volume.colours, grid), -1, 0)[None]
            return cls(np.divide(square, np.float32(255), dtype=np.float32), grid, volume.path)
        slices = np.moveaxis(grid.resample(scale_to_unit(volume.array), 1), -1, 0)[:, None]
        return cls(slices, grid, volume.path)

    @property
    def window(self) -> Window:
        """The pixels of the volume's planes that the slices reach; all beyond is background."""
        x, y = (
            _reached(self.grid.size, *axis)
            for axis in zip(self.grid.case_shape, self.grid.scale, self.grid.offset, strict=True)
        )
        return x, y


def predict_case(
    network: nn.Module,
    volume: Volume,
    preprocessing: Preprocessing,
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
    refine: Refine | None = None,
    tta: bool = False,
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
        tta: Whether to average the probabilities over the flips of ``predict_slices.FLIPS``.

    Returns:
        (X, Y, Z) class indices, 0 the background.
    """
    case = CaseSlices.of(volume, preprocessing)
    batches = case_probabilities(
        network,
        case,
        case.window,
        device=device,
        precision=precision,
        batch_size=batch_size,
        refine=refine,
        tta=tta,
    )
    return fill(volume.array.shape, case.window, (most_probable(batch, dim=0) for batch in batches))


def case_probabilities(
    network: nn.Module,
    case: CaseSlices,
    window: Window,
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
    refine: Refine | None = None,
    tta: bool = False,
) -> Iterator[Tensor]:
    """Yield the probabilities of a volume's planes on its own grid, some planes at a time.

    Args:
        network: As for :func:`predict_case`.
        case: The volume as the network sees it.
        window: The pixels of the planes to give probabilities for.
        device: As for :func:`predict_case`.
        precision: As for :func:`predict_case`.
        batch_size: Planes at a time.
        refine: As for :func:`predict_case`.
        tta: As for :func:`predict_case`.

    Yields:
        (K, x, y, B) float32 on ``device`` of the window, B planes; together they cover all planes in order.

    Raises:
        InputError: The network's answer is not a number somewhere.
    """
    rows = np.arange(len(case.slices))
    batches: Iterable[Tensor] = predict_probabilities(
        network, case.slices, rows, device=device, precision=precision, batch_size=batch_size, tta=tta
    )
    if refine is not None:
        batches = refine_batches(refine, batches, case.slices, case.grid.domain())
    grid = _within(case.grid, window)
    for batch in batches:
        if not torch.isfinite(batch.sum()):  # one number to look at; NaN would count as background in silence
            raise InputError(
                f"{case.path} cannot be segmented",
                expected="probabilities from the network",
                found="values that are not numbers (NaN)",
                remedy="look whether the run's training ended well (medsize report), and at the image's intensities",
            )
        yield grid.to_case(batch.permute(1, 2, 3, 0))


def fill(shape: Sequence[int], window: Window, planes: Iterable[Tensor]) -> NDArray[np.uint8]:
    """Return the classes of a whole volume, background outside the window, from those of its planes inside."""
    classes = np.zeros(shape, np.uint8, order="F")
    start = 0
    for batch in planes:
        end = start + batch.shape[-1]
        classes[(*window, slice(start, end))] = batch.cpu().numpy()
        start = end
    return classes


def scale_to_unit(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intensities scaled to [0, 1] by the smallest and largest of the volume."""
    low, high = array.min(), array.max()
    scaled: NDArray[np.float32] = (array - low) / (high - low)
    return scaled


def _reached(size: int, length: int, scale: float, offset: float) -> slice:
    """Return the pixels of an axis whose centres lie in the slice, and one more on either side against rounding."""
    first, last = (scale * end + offset for end in (-0.5, size - 0.5))
    return slice(max(int(np.floor(first)), 0), min(int(np.ceil(last)) + 1, length))


def _within(grid: SliceGrid, window: Window) -> SliceGrid:
    """Return the grid as it lies on a window of the plane."""
    x, y = window
    shape = (x.stop - x.start, y.stop - y.start)
    return replace(grid, case_shape=shape, offset=(grid.offset[0] - x.start, grid.offset[1] - y.start))
