"""Rounded shapes in the plane and in space, and a canvas to paint them on."""

import cmath
import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Plane = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Blob:
    """An ellipse whose outline may be dented.

    Attributes:
        centre_mm: Its middle.
        radii_mm: Its half axes.
        angle: Direction of the first half axis, in radians.
        dents: Strength of the third harmonic of the outline, cosine and sine; in size at most 0.2.
    """

    centre_mm: Plane
    radii_mm: Plane
    angle: float = 0.0
    dents: Plane = (0.0, 0.0)

    def contains(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell which points (x, y) lie inside.

        Args:
            x: (X,).
            y: (Y,).

        Returns:
            (X, Y).
        """
        # With w the point as a complex number in units of the half axes, the outline is |w|² + Re(dents · w³) = 1.
        # As w = αx + βy, that is a cubic in y with coefficients that depend on x alone: a few operations a point.
        turn, dents = cmath.exp(-1j * self.angle), complex(*self.dents).conjugate()
        along, across = (1 / radius for radius in self.radii_mm)
        alpha = complex(turn.real * along, turn.imag * across)
        beta = complex(-turn.imag * along, turn.real * across)
        x = (x - np.float32(self.centre_mm[0]))[:, None]
        y = (y - np.float32(self.centre_mm[1]))[None, :]
        field = ((dents * beta**3).real * y + (3 * dents * alpha * beta**2).real * x) + abs(beta) ** 2
        field *= y
        field += (3 * dents * alpha**2 * beta).real * x**2 + 2 * (alpha * beta.conjugate()).real * x
        field *= y
        field += (dents * alpha**3).real * x**3 + abs(alpha) ** 2 * x**2
        inside: NDArray[np.bool_] = field < 1
        return inside

    @property
    def reach_mm(self) -> Plane:
        """How far the shape may extend from its centre along x and y."""
        (a, b), cos, sin = self.radii_mm, math.cos(self.angle), math.sin(self.angle)
        margin = 1 + 0.8 * math.hypot(*self.dents)
        return margin * math.hypot(a * cos, b * sin), margin * math.hypot(a * sin, b * cos)

    def grown(self, margin_mm: float) -> Self:
        """Return the shape with a margin around it."""
        return replace(self, radii_mm=(self.radii_mm[0] + margin_mm, self.radii_mm[1] + margin_mm))


@dataclass(frozen=True, slots=True)
class Solid:
    """A shape in space: an ellipsoid cut by planes, whose middle drifts from plane to plane.

    Attributes:
        blob: Its largest section, at depth ``z_mm``.
        z_mm: Depth of the largest section.
        half_length_mm: Distance from there to its ends; infinite for a cylinder.
        drift: Movement of the middle in the plane per mm of depth.
    """

    blob: Blob
    z_mm: float = 0.0
    half_length_mm: float = math.inf
    drift: Plane = (0.0, 0.0)

    def section(self, z_mm: float) -> Blob | None:
        """Return the shape's section at a depth, if there is one of more than a fraction of its size."""
        depth = z_mm - self.z_mm
        scale = math.sqrt(max(1 - (depth / self.half_length_mm) ** 2, 0))
        if scale < 0.05:
            return None
        (x, y), (a, b) = self.blob.centre_mm, self.blob.radii_mm
        centre = (x + depth * self.drift[0], y + depth * self.drift[1])
        return replace(self.blob, centre_mm=centre, radii_mm=(a * scale, b * scale))


@dataclass(frozen=True, slots=True)
class Canvas:
    """A plane of tissue codes to paint on.

    Attributes:
        codes: (X, Y) uint8.
        x_mm: Position of each row, ascending.
        y_mm: Position of each column, ascending.
    """

    codes: NDArray[np.uint8]
    x_mm: NDArray[np.float32]
    y_mm: NDArray[np.float32]

    @classmethod
    def empty(cls, shape: tuple[int, int], spacing_mm: float) -> Self:
        """Return a canvas of code 0, its middle at (0, 0)."""
        x, y = ((np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(spacing_mm) for n in shape)
        return cls(np.zeros(shape, np.uint8), x, y)

    def paint(self, blob: Blob | None, code: int, over: int | None = None) -> None:
        """Fill a shape with a code, everywhere or only where the canvas has the code ``over``."""
        if blob is None:
            return
        box = self.box(blob)
        view = self.codes[box]
        inside = blob.contains(self.x_mm[box[0]], self.y_mm[box[1]])
        view[inside if over is None else inside & (view == over)] = code

    def around(self, blob: Blob) -> Self:
        """Return a copy of the part of the canvas that a shape may reach."""
        box = self.box(blob)
        return replace(self, codes=self.codes[box].copy(), x_mm=self.x_mm[box[0]], y_mm=self.y_mm[box[1]])

    def box(self, blob: Blob) -> tuple[slice, slice]:
        """Return the part of the canvas that a shape may reach."""
        x, y = (
            slice(*np.searchsorted(axis, (middle - reach, middle + reach)).tolist())
            for axis, middle, reach in zip((self.x_mm, self.y_mm), blob.centre_mm, blob.reach_mm, strict=True)
        )
        return x, y
