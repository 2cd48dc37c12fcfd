"""A run's network with its way from a case's planes and back, as one program that can be traced."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlaneProgram(nn.Module):
    """Planes of a case in, class probabilities on the same planes out.

    What :class:`medsize.data.geometry.SliceGrid` does in numpy before and behind the network is part of the graph
    here, so that whoever runs an exported file has nothing to imitate: the way onto the square that the network
    sees, softmax, and the way back. Both ways are bilinear; what the square does not reach is background.

    Args:
        network: Maps (B, C, size, size) to logits (B, K, size, size).
        size: Side of the square, in pixels.
    """

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network = network
        self.size = size

    def segment(self, planes: Tensor, scale: list[Tensor], offset: list[Tensor]) -> Tensor:
        """Segment planes.

        Args:
            planes: (B, C, X, Y) in [0, 1].
            scale: Plane pixels for one pixel of the square, for X and Y, (1,) float64 each.
            offset: Position of the square's pixel 0 in plane pixels, for X and Y, (1,) float64 each.

        Returns:
            Probabilities (B, K, X, Y).
        """
        axes = list(zip(planes.shape[2:], scale, offset, strict=True))
        on_plane = [_indices(self.size, planes) * s + o for _, s, o in axes]
        on_square = [(_indices(length, planes) - o) / s for length, s, o in axes]
        images = _sample(planes, on_plane) * _inside(on_plane, planes.shape[2:])
        probabilities = self.network(images).float().softmax(1)
        reached = _inside(on_square, probabilities.shape[2:])
        sampled = _sample(probabilities, on_square)
        background = torch.arange(probabilities.shape[1], device=planes.device)[:, None, None] == 0
        return torch.where(reached, sampled, background.to(sampled.dtype))


class PaperProgram(PlaneProgram):
    """The program of ``preprocessing: paper``: the plane squeezed into the square, whatever its shape."""

    def forward(self, planes: Tensor) -> Tensor:
        """Map planes (B, C, X, Y) in [0, 1] to probabilities (B, K, X, Y)."""
        scale = [_length(planes, axis) / self.size for axis in (2, 3)]
        return self.segment(planes, scale, [s / 2 - 0.5 for s in scale])


class PhysicalProgram(PlaneProgram):
    """The program of ``preprocessing: physical``: a square of fixed pixel spacing around the plane's centre.

    Args:
        network: As for :class:`PlaneProgram`.
        size: Side of the square, in pixels.
        spacing_mm: Pixel spacing of the square.
    """

    def __init__(self, network: nn.Module, size: int, spacing_mm: float) -> None:
        super().__init__(network, size)
        self.spacing_mm = spacing_mm

    def forward(self, planes: Tensor, spacing_mm: Tensor) -> Tensor:
        """Map planes (B, C, X, Y) in [0, 1], whose pixels are (2,) mm apart, to probabilities (B, K, X, Y)."""
        ratio = self.spacing_mm / spacing_mm.double()
        scale = [ratio[:1], ratio[1:]]
        centre = (self.size - 1) / 2
        return self.segment(
            planes, scale, [(_length(planes, axis) - 1) / 2 - s * centre for axis, s in zip((2, 3), scale, strict=True)]
        )


class PhotoProgram(nn.Module):
    """The program of ``preprocessing: photo``: squares in, probabilities out; photos are resized before and behind.

    Args:
        network: Maps (B, 3, size, size) to logits (B, K, size, size).
        size: Side of the square, in pixels.
    """

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network = network
        self.size = size

    def forward(self, planes: Tensor) -> Tensor:
        """Map squares (B, 3, size, size) in [0, 1] to probabilities (B, K, size, size)."""
        probabilities: Tensor = self.network(planes).float().softmax(1)
        return probabilities


def _indices(length: int, like: Tensor) -> Tensor:
    return torch.arange(length, dtype=torch.float64, device=like.device)


def _length(planes: Tensor, axis: int) -> Tensor:
    """Return the length of an axis as a tensor, (1,) float64: traced, it stays free."""
    return torch.full((1,), planes.shape[axis], dtype=torch.float64, device=planes.device)


def _inside(at: list[Tensor], lengths: torch.Size) -> Tensor:
    """Return where positions along X times Y are on pixels, (X, Y) bool."""
    x, y = ((a >= -0.5) & (a <= n - 0.5) for a, n in zip(at, lengths, strict=True))
    return x[:, None] & y[None, :]


def _sample(planes: Tensor, at: list[Tensor]) -> Tensor:
    """Sample planes (B, C, X, Y) bilinearly at positions along X times Y; the edge goes on beyond itself."""
    x, y = (((2 * a + 1) / n - 1).float() for a, n in zip(at, planes.shape[2:], strict=True))
    grid = torch.stack(torch.meshgrid(x, y, indexing="ij")[::-1], dim=-1)[None].expand(planes.shape[0], -1, -1, -1)
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)
