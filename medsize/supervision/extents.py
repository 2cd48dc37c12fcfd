"""How large the images of a store are, in the units in which people give sizes."""

import numpy as np

from medsize.data.store import SliceStore
from medsize.supervision.size_table import Extent


def image_extent(store: SliceStore, case: str, *, whole_case: bool) -> Extent:
    """Return the extent of a plane of a case, or of the whole case, on the grid of its file.

    Args:
        store: The slices.
        case: Its id.
        whole_case: All planes together, rather than one.
    """
    x, y = store.grid(case).case_shape
    x_mm, y_mm, z_mm = store.spacing_mm(case)
    planes = len(store.rows([case])) if whole_case else 1
    return Extent(
        pixels=x * y * planes, pixel_mm2=x_mm * y_mm, voxel_ml=x_mm * y_mm * z_mm / 1000, whole_case=whole_case
    )


def image_per_slice(store: SliceStore, case: str) -> float:
    """Return the area of a case's plane divided by that of Ω, the part of it that the network sees.

    It turns a share of the image as it is in the file, which is what people see, into a share of Ω. It is 1 where
    preprocessing keeps the whole plane, above 1 where it crops, and differs from 1 by rounding where it pads.

    Args:
        store: The slices.
        case: Its id.
    """
    grid = store.grid(case)
    domain = grid.domain()
    inside = np.count_nonzero(domain.any(1)), np.count_nonzero(domain.any(0))
    x, y = (n / (step * count) for n, step, count in zip(grid.case_shape, grid.scale, inside, strict=True))
    return x * y
