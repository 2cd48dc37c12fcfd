"""The heart of the phantom: two ventricles that taper to the apex and contract."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from medsize.data.sources.phantom.shapes import Blob, Canvas, Plane
from medsize.data.sources.phantom.tissues import Tissue

Spot = tuple[float, float, float]
"""Something small on the inside of a wall: its direction, its distance in units of the radius, its size in mm."""


@dataclass(frozen=True, slots=True)
class Disease:
    """What a group of patients has in common: means of the heart at end diastole, and how far it contracts."""

    cavity_mm: float
    wall_mm: float
    ejection: float
    septum_mm: float = 0.0
    scar_mm: float = 0.0
    right_mm: float = 26.0
    right_ejection: float = 0.4


DISEASES: Final[dict[str, Disease]] = {
    "DCM": Disease(cavity_mm=32, wall_mm=7.5, ejection=0.25),
    "HCM": Disease(cavity_mm=22, wall_mm=13, ejection=0.70, septum_mm=5),
    "MINF": Disease(cavity_mm=27, wall_mm=8, ejection=0.38, scar_mm=3),
    "NOR": Disease(cavity_mm=24, wall_mm=9, ejection=0.60),
    "RV": Disease(cavity_mm=23, wall_mm=9, ejection=0.55, right_mm=36, right_ejection=0.25),
}
"""ACDC's groups; ``ejection`` is the share of the cavity's area that a beat takes away."""


@dataclass(frozen=True, slots=True)
class Phase:
    """The ventricles at one moment.

    Attributes:
        base_mm: Depth of the valves; there is no left ventricle above.
        apex_mm: Depth where the left cavity ends.
        cavity_mm: Radius of the left cavity at the base.
        wall_mm: Thickness of its wall.
        right_mm: How far the right ventricle bulges from the wall.
    """

    base_mm: float
    apex_mm: float
    cavity_mm: float
    wall_mm: float
    right_mm: float


@dataclass(frozen=True, slots=True)
class Heart:
    """One patient's heart.

    Attributes:
        centre_mm: Middle of the left ventricle at depth 0.
        drift: Movement of the middle per mm of depth.
        septum: Direction from the left to the right ventricle, in radians.
        inner: Dents of the cavity's outline.
        outer: Dents of the wall's outline.
        septum_mm: How much thicker the septum is than the rest of the wall.
        scar: Where the wall is thinner, and by how many mm.
        fat: Around the ventricles: its mean thickness in mm, the direction and distance of its shift, its dents.
        papillary: The papillary muscles.
        trabeculae: Trabeculae of the left, and of the right ventricle.
        diastole: The ventricles when fullest (ED).
        systole: The ventricles when emptiest (ES).
    """

    centre_mm: Plane
    drift: Plane
    septum: float
    inner: Plane
    outer: Plane
    septum_mm: float
    scar: Plane
    fat: tuple[float, float, float, Plane]
    papillary: tuple[Spot, ...]
    trabeculae: tuple[tuple[Spot, ...], tuple[Spot, ...]]
    diastole: Phase
    systole: Phase

    def outline(self) -> Blob:
        """Return a shape that holds the heart at every depth and moment."""
        (x, y), (dx, dy) = self.centre_mm, self.drift
        half = self.diastole.apex_mm / 2
        full = self.diastole
        ventricles = full.cavity_mm + full.wall_mm + full.right_mm + 12
        reach = half * math.hypot(dx, dy) + max(ventricles, 2.6 * full.cavity_mm)
        return Blob((x + half * dx, y + half * dy), (reach, reach))

    def paint(self, canvas: Canvas, phase: Phase, z_mm: float) -> None:
        """Paint the section at a depth: the ventricles, or above their base the vessels that leave them."""
        middle = _shifted(self.centre_mm, (z_mm * self.drift[0], z_mm * self.drift[1]))
        depth = z_mm - phase.base_mm
        if depth < 0:
            self._paint_vessels(canvas, phase, middle, depth)
            return
        length = phase.apex_mm - phase.base_mm
        cavity = phase.cavity_mm * _taper(depth / length)
        wall = (phase.cavity_mm + phase.wall_mm) * _taper(depth / (length + phase.wall_mm))
        if wall < 2:
            return
        # A thick septum is a wall that is wider, and moved towards the right ventricle.
        thick = self.septum_mm * wall / (phase.cavity_mm + phase.wall_mm) / 2
        outer = Blob(_towards(middle, self.septum, thick), (wall + thick, wall + thick), self.septum, self.outer)
        right = self._right_ventricle(phase, middle, wall, depth / (0.85 * length))
        self._paint_fat(canvas, outer)
        if right is not None:
            self._paint_fat(canvas, right)
            canvas.paint(right.grown(2.5), Tissue.HEART_WALL)
            canvas.paint(right, Tissue.RV_BLOOD)
            self._paint_spots(canvas, right, self.trabeculae[1], Tissue.RV_TRABECULAE, Tissue.RV_BLOOD)
        canvas.paint(outer, Tissue.MYOCARDIUM)
        if cavity < 1.5:
            return
        shift = self.scar[1] * cavity / phase.cavity_mm / 2
        inner = Blob(_towards(middle, self.scar[0], shift), (cavity + shift, cavity + shift), self.septum, self.inner)
        canvas.paint(inner, Tissue.LV_BLOOD)
        self._paint_spots(canvas, inner, self.trabeculae[0], Tissue.LV_TRABECULAE, Tissue.LV_BLOOD)
        if 0.1 < depth / length < 0.75:
            self._paint_spots(canvas, inner, self.papillary, Tissue.LV_PAPILLARY, Tissue.LV_BLOOD)

    def _paint_fat(self, canvas: Canvas, ventricle: Blob) -> None:
        thickness, direction, shift, dents = self.fat
        beside = replace(ventricle, centre_mm=_towards(ventricle.centre_mm, direction, shift), dents=dents)
        canvas.paint(beside.grown(thickness), Tissue.FAT)

    def _right_ventricle(self, phase: Phase, middle: Plane, wall: float, depth: float) -> Blob | None:
        if depth >= 1:
            return None
        bulge = phase.right_mm * math.sqrt(1 - depth**2)
        distance = 0.6 * wall
        radii = (wall + bulge - distance, 1.1 * wall)
        return Blob(_towards(middle, self.septum, distance), radii, self.septum, self.outer)

    def _paint_vessels(self, canvas: Canvas, phase: Phase, middle: Plane, depth: float) -> None:
        size = (phase.cavity_mm + self.diastole.cavity_mm) / 2
        atrium = Blob(
            _towards(middle, self.septum + 2.2, 0.5 * size), (0.85 * size, 0.65 * size), self.septum, self.inner
        )
        root = Blob(_towards(middle, self.septum, 0.45 * size), (13, 12))
        outflow = Blob(_towards(middle, self.septum - 0.5, 1.5 * size), (17, 12), self.septum + 1.2, self.outer)
        canvas.paint(Blob(_towards(middle, self.septum, 0.4 * size), (1.9 * size, 1.4 * size), self.septum), Tissue.FAT)
        for vessel in (atrium, outflow, root):
            canvas.paint(vessel.grown(2 if depth < -8 else 4), Tissue.HEART_WALL)
        for vessel in (atrium, outflow, root):
            canvas.paint(vessel, Tissue.VESSEL)

    @staticmethod
    def _paint_spots(canvas: Canvas, cavity: Blob, spots: tuple[Spot, ...], code: int, over: int) -> None:
        along, across = cavity.radii_mm
        for direction, distance, size in spots:
            u, v = distance * along * math.cos(direction), distance * across * math.sin(direction)
            cos, sin = math.cos(cavity.angle), math.sin(cavity.angle)
            place = _shifted(cavity.centre_mm, (u * cos - v * sin, u * sin + v * cos))
            radius = min(size, 0.35 * across)
            canvas.paint(Blob(place, (1.3 * radius, 0.8 * radius), direction + cavity.angle), code, over)


def draw_heart(rng: np.random.Generator, disease: Disease) -> Heart:
    """Draw a patient's heart.

    Args:
        rng: Source of the draws.
        disease: The patient's group.
    """
    cavity = disease.cavity_mm * rng.normal(1, 0.07)
    wall = disease.wall_mm * rng.normal(1, 0.08)
    length = rng.uniform(72, 92) * (disease.cavity_mm / 25) ** 0.3
    right = disease.right_mm * rng.normal(1, 0.1)
    ejection = min(disease.ejection * rng.normal(1, 0.1), 0.85)
    systolic = cavity * math.sqrt(1 - ejection)
    shortening = 0.22 * ejection
    # The wall keeps its volume: what the cavity loses in radius and length, the wall gains in thickness.
    volume = ((cavity + wall) ** 2 - cavity**2) / (1 - shortening)
    diastole = Phase(0.0, length, cavity, wall, right)
    systole = Phase(
        base_mm=shortening * length,
        apex_mm=length,
        cavity_mm=systolic,
        wall_mm=math.sqrt(systolic**2 + volume) - systolic,
        right_mm=right * (1 - disease.right_ejection),
    )
    return Heart(
        centre_mm=(rng.normal(0, 9), rng.normal(0, 9)),
        drift=(rng.normal(0.05, 0.06), rng.normal(0.08, 0.06)),
        septum=math.pi + rng.normal(0.15, 0.3),
        inner=_draw_dents(rng, 0.04),
        outer=_draw_dents(rng, 0.03),
        septum_mm=disease.septum_mm * rng.uniform(0.5, 1.5),
        scar=(rng.uniform(0, 2 * math.pi), disease.scar_mm * rng.uniform(0.5, 1.3)),
        fat=(rng.uniform(1, 5), rng.uniform(0, 2 * math.pi), rng.uniform(0, 4.5), _draw_dents(rng, 0.06)),
        papillary=tuple(
            (side * rng.uniform(1.7, 2.2), rng.uniform(0.62, 0.75), rng.uniform(3.5, 6.0)) for side in (-1, 1)
        ),
        trabeculae=(
            _draw_spots(rng, count=int(rng.integers(5, 10)), size_mm=3.0),
            _draw_spots(rng, count=int(rng.integers(4, 9)), size_mm=3.5),
        ),
        diastole=diastole,
        systole=systole,
    )


def _draw_dents(rng: np.random.Generator, strength: float) -> Plane:
    cosine, sine = np.clip(rng.normal(0, strength, 2), -2 * strength, 2 * strength).tolist()
    return cosine, sine


def _draw_spots(rng: np.random.Generator, count: int, size_mm: float) -> tuple[Spot, ...]:
    directions, distances, sizes = (
        rng.uniform(0, 2 * math.pi, count),
        rng.uniform(0.8, 1.0, count),
        rng.normal(1, 0.2, count),
    )
    return tuple(zip(directions.tolist(), distances.tolist(), (size_mm * sizes).tolist(), strict=True))


def _taper(depth: float) -> float:
    return math.sqrt(max(1 - abs(depth) ** 2.3, 0))


def _shifted(point: Plane, by: Plane) -> Plane:
    return point[0] + by[0], point[1] + by[1]


def _towards(point: Plane, direction: float, distance: float) -> Plane:
    return _shifted(point, (distance * math.cos(direction), distance * math.sin(direction)))
