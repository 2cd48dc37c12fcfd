"""From photos and their masks to the squares that a network sees."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsize.config.data import PhotoPreprocessing
from medsize.data.case import Case
from medsize.data.geometry import SliceGrid, grid_for
from medsize.data.photos import read_photo, read_photo_label
from medsize.data.prepared import PreparedCase, structure_fractions
from medsize.data.unlabelled import UNLABELLED

_NO_SPACING = (float("nan"),) * 3


def photo_preparer(
    preprocessing: PhotoPreprocessing, labels: Mapping[str, int], structures: tuple[str, ...]
) -> Callable[[Case], PreparedCase]:
    """Return the way from a photo's files to its square.

    Exact sizes are measured on the mask itself, void left out, before anything is resized.

    Args:
        preprocessing: The size of the square, and how a photo lies in it.
        labels: Structure name to value, for every value the masks may hold.
        structures: The structures to keep; the others become background.

    Raises:
        InputError: The returned function raises it if a file cannot be used.
    """
    class_of = np.zeros(256, np.uint8)
    class_of[UNLABELLED] = UNLABELLED
    class_of[list(labels.values())] = 0
    for number, name in enumerate(structures, start=1):
        class_of[labels[name]] = number

    def prepare(case: Case) -> PreparedCase:
        photo = read_photo(case.image)
        height, width, _ = photo.shape
        grid = grid_for(preprocessing, (height, width), (1.0, 1.0))
        domain = grid.domain()
        mask = None
        fractions = np.full((1, len(structures)), np.nan)
        if case.label is not None:
            classes = class_of[read_photo_label(case.label, (height, width), tuple(labels.values()))]
            fractions = structure_fractions(classes[None], len(structures))
            mask = grid.resample(classes[:, :, None], 0)[:, :, 0]
            if preprocessing.void == "outside":
                domain = mask != UNLABELLED
        return PreparedCase(
            images=np.ascontiguousarray(np.moveaxis(photo_on_grid(photo, grid) * domain[..., None], -1, 0))[None],
            labels=None if mask is None else mask[None],
            domain=domain[None],
            fractions=fractions,
            grid=grid,
            spacing_mm=_NO_SPACING,
        )

    return prepare


def photo_on_grid(array: NDArray[np.uint8], grid: SliceGrid) -> NDArray[np.uint8]:
    """Bring a photo onto its slice grid, smoothed where it shrinks, so that nothing fine turns into patterns.

    Args:
        array: (H, W, 3).
        grid: From ``grid_for`` with a photo preprocessing: the photo takes whole pixels of the square.

    Returns:
        (size, size, 3), 0 in the padding.
    """
    domain = grid.domain()
    rows, columns = np.flatnonzero(domain.any(1)), np.flatnonzero(domain.any(0))
    resized = Image.fromarray(array).resize((len(columns), len(rows)), Image.Resampling.BILINEAR)
    square = np.zeros((*domain.shape, 3), np.uint8)
    square[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = np.asarray(resized)
    return square
