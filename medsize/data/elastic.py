"""Elastic deformations that keep every area: shears along smooth waves, one after the other."""

import math
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor

WAVES: Final = 4
"""Waves of a deformation: enough to look irregular, few enough to be cheap."""

_MOST_ACROSS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Waves:
    """A deformation of each image, made of waves along whose crests pixels slide, each (B, M).

    The displacement of one wave is the curl of the stream function ``cos(k·x + phase)``: it runs along the crests and
    changes across them alone, so it is a shear, with a Jacobian of exactly 1 everywhere. So is the chain of several,
    where the sum of their displacements would keep areas to first order only. Its inverse is the same chain
    backwards.

    Attributes:
        amplitude: Largest displacement of each wave, a share of the image's shorter side.
        frequency: How often a wave repeats along the shorter side.
        direction: Of the wave vector k, in radians from the rows' axis.
        phase: In radians.
    """

    amplitude: Tensor
    frequency: Tensor
    direction: Tensor
    phase: Tensor

    @classmethod
    def of(cls, uniform: Tensor, largest: float) -> Self:
        """Make waves of numbers that are uniform in [0, 1].

        Args:
            uniform: (4, B, M).
            largest: No pixel moves farther, as a share of the shorter side.
        """
        amplitude, frequency, direction, phase = uniform
        return cls(
            amplitude=(2 * amplitude - 1) * largest / uniform.shape[2],
            frequency=1 + (_MOST_ACROSS - 1) * frequency,
            direction=2 * math.pi * direction,
            phase=2 * math.pi * phase,
        )

    def of_images(self, images: Tensor) -> "Waves":
        """Return the waves of some images, (N,) numbers of them."""
        return Waves(*(value[images] for value in self._values()))

    def to(self, device: torch.device) -> "Waves":
        """Return the waves on a device."""
        return Waves(*(value.to(device) for value in self._values()))

    def reach(self) -> Tensor:
        """Return how far no pixel of each image moves, (B,), a share of the shorter side."""
        return self.amplitude.abs().sum(1)

    def displace(self, rows: Tensor, columns: Tensor, side: int, *, back: bool = False) -> tuple[Tensor, Tensor]:
        """Return where points go, or where they came from.

        Args:
            rows: Of the points, in pixels from the image's edge, (B, ...).
            columns: Likewise.
            side: The image's shorter side, in pixels.
            back: Undo the deformation.
        """
        rows, columns = rows.clone(), columns.clone()
        slide = torch.empty_like(rows)  # in place: new memory for each wave costs more than what it is computed with
        waves = range(self.amplitude.shape[1])
        for wave in reversed(waves) if back else waves:
            amplitude, frequency, direction, phase = (
                value[:, wave].view(-1, *[1] * (rows.ndim - 1)) for value in self._values()
            )
            down, right = direction.cos(), direction.sin()
            number = 2 * math.pi / side * frequency
            torch.mul(rows, number * down, out=slide).addcmul_(columns, number * right).add_(phase).sin_()
            most = amplitude * (-side if back else side)
            rows.addcmul_(slide, -most * right)
            columns.addcmul_(slide, most * down)
        return rows, columns

    def _values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # not dataclasses.astuple, which copies them
        return self.amplitude, self.frequency, self.direction, self.phase
