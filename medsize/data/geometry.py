"""How the square slices a network sees lie on the planes of a case."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from medsize.config.data import Preprocessing
from medsize.data.unlabelled import UNLABELLED

_ROUNDING = 1e-9  # so that a position exactly between two pixels is not decided by rounding errors


@dataclass(frozen=True, slots=True)
class SliceGrid:
    """The map from the pixels of a network slice (H, W) to the plane (X, Y) of its case, axis by axis.

    ``index_in_case = scale * index_in_slice + offset``, where whole indices are pixel centres. The slices of
    a case are the planes along its last axis and share one grid.

    Attributes:
        case_shape: Pixels (X, Y) of the case's plane.
        size: Side of the network slice in pixels, H = W.
        scale: Case pixels per slice pixel, for X and Y.
        offset: Position of slice pixel 0 in case pixels, for X and Y.
    """

    case_shape: tuple[int, int]
    size: int
    scale: tuple[float, float]
    offset: tuple[float, float]

    def domain(self) -> NDArray[np.bool_]:
        """Return Ω as an (H, W) mask: True where the pixel's centre is in the image, False in the padding."""
        inside = [(at >= -0.5) & (at <= n - 0.5) for at, n in zip(self._in_case(), self.case_shape, strict=True)]
        return inside[0][:, None] & inside[1][None, :]

    def resample(self, array: NDArray[Any], order: Literal[0, 1]) -> NDArray[Any]:
        """Bring the planes of a volume onto the slice grid.

        Args:
            array: (X, Y, Z).
            order: 0 takes the nearest pixel (labels; padding becomes 255), 1 interpolates bilinearly (images;
                padding becomes 0). Nearest is meant between pixel centres, as ``nearest-exact`` of torch and
                order 0 of scikit-image do, which the LV sizes published for ACDC at 256² come from.

        Returns:
            (H, W, Z), of the same type for order 0 and float32 for order 1.
        """
        self._check(array.shape[:2], self.case_shape)
        domain = self.domain()[:, :, None]
        if order == 0:
            rows, columns = (
                np.clip(np.floor(at + 0.5 + _ROUNDING).astype(np.intp), 0, n - 1)
                for at, n in zip(self._in_case(), self.case_shape, strict=True)
            )
            nearest = array[rows[:, None], columns[None, :]]
            return nearest if domain.all() else np.where(domain, nearest, np.array(UNLABELLED, array.dtype))
        planes = torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0), np.float32))
        sampled = _bilinear(planes, self._in_case())
        return np.moveaxis(sampled.numpy(), 0, -1) * domain

    def to_case(self, channels: Tensor | NDArray[Any]) -> Tensor:
        """Bring class probabilities from the slice grid back onto the planes of the case.

        Args:
            channels: (K, H, W, Z), class 0 the background; any device.

        Returns:
            (K, X, Y, Z) float32, bilinearly interpolated; pixels of the case that the slice does not reach
            (cropped away) are background with probability 1.
        """
        given = torch.as_tensor(channels).float()
        self._check(tuple(given.shape[1:3]), (self.size, self.size))
        classes, _, _, depth = given.shape
        planes = given.permute(0, 3, 1, 2).reshape(classes * depth, self.size, self.size)
        at = self._in_slice()
        sampled = _bilinear(planes, at).reshape(classes, depth, *self.case_shape).permute(0, 2, 3, 1)
        inside = [(a >= -0.5) & (a <= self.size - 0.5) for a in at]
        reached = torch.from_numpy(inside[0][:, None] & inside[1][None, :]).to(given.device)
        background = torch.zeros(classes, 1, 1, 1, device=given.device)
        background[0] = 1
        return torch.where(reached[:, :, None], sampled, background)

    def to_json(self) -> dict[str, Any]:
        """Return the grid as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the grid that ``to_json`` described."""
        x, y = values["case_shape"]
        return cls((x, y), values["size"], tuple(values["scale"]), tuple(values["offset"]))

    def _in_case(self) -> list[NDArray[np.floating[Any]]]:
        return [np.arange(self.size) * s + o for s, o in zip(self.scale, self.offset, strict=True)]

    def _in_slice(self) -> list[NDArray[np.floating[Any]]]:
        return [(np.arange(n) - o) / s for n, s, o in zip(self.case_shape, self.scale, self.offset, strict=True)]

    @staticmethod
    def _check(found: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if tuple(found) != tuple(expected):
            raise ValueError(f"expected planes of {expected[0]} × {expected[1]} pixels, got {tuple(found)}")


def paper_grid(shape_xy: tuple[int, int], size: int) -> SliceGrid:
    """Return the grid that squeezes the whole plane into a square, whatever its aspect ratio.

    Args:
        shape_xy: Pixels of the case's plane.
        size: Side of the square in pixels.
    """
    scale = (shape_xy[0] / size, shape_xy[1] / size)
    return SliceGrid(shape_xy, size, scale, (scale[0] / 2 - 0.5, scale[1] / 2 - 0.5))


def physical_grid(
    shape_xy: tuple[int, int], spacing_xy: tuple[float, float], size: int, spacing_mm: float
) -> SliceGrid:
    """Return the grid of fixed pixel spacing around the centre of the plane, cropped or padded to a square.

    Args:
        shape_xy: Pixels of the case's plane.
        spacing_xy: Pixel spacing of the case, in mm.
        size: Side of the square in pixels.
        spacing_mm: Pixel spacing of the slice, in mm.
    """
    scale = (spacing_mm / spacing_xy[0], spacing_mm / spacing_xy[1])
    centre = (size - 1) / 2
    offset = ((shape_xy[0] - 1) / 2 - scale[0] * centre, (shape_xy[1] - 1) / 2 - scale[1] * centre)
    return SliceGrid(shape_xy, size, scale, offset)


def proportional_grid(shape: tuple[int, int], size: int) -> SliceGrid:
    """Return the grid that fits the longer side of a plane into a square and pads the shorter one on both sides.

    The plane takes whole pixels of the square, so that padding is exact and a scale is off by less than a pixel.

    Args:
        shape: Pixels of the case's plane.
        size: Side of the square in pixels.
    """
    taken = [max(1, round(length * size / max(shape))) for length in shape]
    scale = (shape[0] / taken[0], shape[1] / taken[1])
    offset = tuple(s / 2 - 0.5 - (size - n) // 2 * s for s, n in zip(scale, taken, strict=True))
    return SliceGrid(shape, size, scale, (offset[0], offset[1]))


def grid_for(
    preprocessing: Preprocessing,
    shape_xy: tuple[int, int],
    spacing_xy: tuple[float, float],
) -> SliceGrid:
    """Return the slice grid of a case under a preprocessing."""
    if preprocessing.name == "physical":
        return physical_grid(shape_xy, spacing_xy, preprocessing.size, preprocessing.spacing_mm)
    if preprocessing.name == "photo" and preprocessing.aspect == "keep":
        return proportional_grid(shape_xy, preprocessing.size)
    return paper_grid(shape_xy, preprocessing.size)


def _bilinear(planes: Tensor, at: list[NDArray[np.floating[Any]]]) -> Tensor:
    """Sample planes (N, X, Y) at positions along X times positions along Y; the edge goes on beyond itself."""
    x, y = (torch.from_numpy((2 * a + 1) / n - 1).float() for a, n in zip(at, planes.shape[1:], strict=True))
    grid = torch.stack(torch.meshgrid(x, y, indexing="ij")[::-1], dim=-1)[None].to(planes.device)
    return F.grid_sample(planes[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
