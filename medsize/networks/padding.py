"""Padding an image to a size a network can halve, and the way back."""

from types import EllipsisType

from torch import Tensor
from torch.nn import functional as F

Crop = tuple[EllipsisType, slice, slice]


def pad_to_multiple(image: Tensor, multiple: int, *, minimum: int = 1) -> tuple[Tensor, Crop]:
    """Pad height and width to the next multiple, evenly on both sides, by repeating the edge.

    The edge is repeated rather than mirrored because a mirror cannot be wider than the image: this works for
    any size from one pixel on, and unlike zeros it draws no contour around the image.

    Args:
        image: (B, C, H, W), H and W at least 1.
        multiple: What both sides of the result are divisible by.
        minimum: What both sides of the result reach at least.

    Returns:
        The padded image, and the index that cuts the original area out of anything of the padded size:
        ``logits[crop]``.
    """
    height, width = image.shape[-2:]
    top, bottom = _split(height, multiple, minimum)
    left, right = _split(width, multiple, minimum)
    crop = (..., slice(top, top + height), slice(left, left + width))
    if top + bottom + left + right == 0:
        return image, crop
    return F.pad(image, (left, right, top, bottom), mode="replicate"), crop


def _split(size: int, multiple: int, minimum: int) -> tuple[int, int]:
    padding = -max(size, minimum) % multiple + max(minimum - size, 0)
    return padding // 2, padding - padding // 2
