"""What is around the heart: chest wall, lung, organs of the belly, bones and vessels."""

import math
from dataclasses import dataclass

import numpy as np

from medsize.data.sources.phantom.shapes import Blob, Canvas, Plane, Solid
from medsize.data.sources.phantom.tissues import Tissue


@dataclass(frozen=True, slots=True)
class Part:
    """A solid of one tissue, painted everywhere or only over another tissue."""

    solid: Solid
    tissue: Tissue
    over: Tissue | None = None


@dataclass(frozen=True, slots=True)
class Torso:
    """One patient's chest and upper belly: parts in the order in which they are painted."""

    parts: tuple[Part, ...]

    def paint(self, canvas: Canvas, z_mm: float) -> None:
        """Paint the section at a depth."""
        for part in self.parts:
            canvas.paint(part.solid.section(z_mm), part.tissue, part.over)


def draw_torso(rng: np.random.Generator, heart_mm: Plane) -> Torso:
    """Draw a patient's torso.

    Args:
        rng: Source of the draws.
        heart_mm: Where the heart is; the lung lies above and beside it, the belly below.
    """
    draw = _Draw(rng, heart_mm)
    body = draw.blob((15, 15), (rng.uniform(100, 122), rng.uniform(165, 200)), spread=8, dents=0.03)
    fat, muscle = rng.uniform(8, 22), rng.uniform(6, 12)
    inside = body.grown(-fat - muscle)
    tilt = (rng.normal(0.1, 0.1), rng.normal(0.05, 0.1))
    lung = draw.blob((32, -42), (rng.uniform(72, 90), rng.uniform(62, 80)), spread=6, dents=0.04)
    parts = [
        Part(Solid(body, drift=tilt), Tissue.FAT),
        Part(Solid(body.grown(-fat), drift=tilt), Tissue.MUSCLE),
        Part(Solid(inside, drift=tilt), Tissue.ABDOMEN),
        Part(Solid(lung, half_length_mm=220, drift=(0.1, -0.25)), Tissue.LUNG, Tissue.ABDOMEN),
        *_belly(draw),
        *_bones(draw, lung),
        *_vessels(draw, lung),
    ]
    return Torso(tuple(parts))


@dataclass(frozen=True, slots=True)
class _Draw:
    """Draws shapes around the heart."""

    rng: np.random.Generator
    heart_mm: Plane

    def blob(self, at_mm: Plane, radii_mm: Plane, *, spread: float, dents: float = 0.05) -> Blob:
        x, y = (h + a + self.rng.normal(0, spread) for h, a in zip(self.heart_mm, at_mm, strict=True))
        return Blob((x, y), radii_mm, self.rng.normal(0, 0.12), self.dents(dents))

    def dents(self, strength: float) -> Plane:
        cosine, sine = np.clip(self.rng.normal(0, strength, 2), -2 * strength, 2 * strength).tolist()
        return cosine, sine

    def drift(self, strength: float = 0.15) -> Plane:
        dx, dy = self.rng.normal(0, strength, 2).tolist()
        return dx, dy


def _belly(draw: _Draw) -> list[Part]:
    rng = draw.rng
    liver = draw.blob((-30, 88), (rng.uniform(55, 70), rng.uniform(38, 52)), spread=8)
    spleen = draw.blob((62, 72), (rng.uniform(28, 40), rng.uniform(20, 30)), spread=8)
    stomach = draw.blob((22, 64), (rng.uniform(22, 34), rng.uniform(12, 20)), spread=7)
    organs = [
        Part(Solid(liver, z_mm=70, half_length_mm=130, drift=(0.1, -0.15)), Tissue.LIVER, Tissue.ABDOMEN),
        Part(Solid(spleen, z_mm=50, half_length_mm=90, drift=draw.drift()), Tissue.SPLEEN, Tissue.ABDOMEN),
        Part(Solid(stomach, z_mm=60, half_length_mm=75, drift=draw.drift()), Tissue.STOMACH),
    ]
    for _ in range(rng.integers(14, 22)):
        size = rng.uniform(5, 18)
        at = (rng.uniform(-70, 90), rng.uniform(60, 150))
        loop = Solid(
            draw.blob(at, (size * rng.uniform(1, 1.8), size), spread=3), rng.uniform(0, 90), 60, draw.drift(0.3)
        )
        tissue = (Tissue.BOWEL, Tissue.FAT, Tissue.MUSCLE)[rng.integers(3)]
        organs.append(Part(loop, tissue, (Tissue.ABDOMEN, Tissue.LIVER)[int(rng.random() < 0.25)]))
    return organs


def _bones(draw: _Draw, lung: Blob) -> list[Part]:
    rng = draw.rng
    spine = draw.blob((75, 105), (rng.uniform(17, 21), rng.uniform(15, 19)), spread=8, dents=0.03)
    canal = Blob((spine.centre_mm[0] + 24, spine.centre_mm[1] + 6), (7, 6))
    bones = [
        Part(Solid(spine.grown(14)), Tissue.MUSCLE, Tissue.ABDOMEN),
        Part(Solid(spine), Tissue.BONE),
        Part(Solid(canal), Tissue.VESSEL),
    ]
    (x, y), (a, b) = lung.centre_mm, lung.radii_mm
    for direction in np.arange(-2.8, 0.6, 0.38) + rng.uniform(0, 0.3):
        at = (x + 1.06 * a * math.cos(direction), y + 1.06 * b * math.sin(direction))
        rib = Blob(at, (rng.uniform(5, 8), rng.uniform(3, 4.5)), direction + math.pi / 2)
        bones += [
            Part(Solid(rib.grown(1.5), drift=(0.1, -0.25)), Tissue.MUSCLE, Tissue.LUNG),
            Part(Solid(rib, drift=(0.1, -0.25)), Tissue.BONE, Tissue.MUSCLE),
        ]
    return bones


def _vessels(draw: _Draw, lung: Blob) -> list[Part]:
    rng = draw.rng
    width = rng.uniform(9, 13)
    aorta = Solid(
        draw.blob((38, 44), (width, width * rng.uniform(1, 1.4)), spread=5, dents=0.02), drift=draw.drift(0.1)
    )
    wall = Solid(aorta.blob.grown(rng.uniform(1.5, 4)), drift=aorta.drift)
    cava = Solid(draw.blob((-22, 58), (rng.uniform(7, 11), rng.uniform(6, 10)), spread=5), drift=draw.drift(0.1))
    vessels = [
        Part(wall, Tissue.MUSCLE),
        Part(aorta, Tissue.VESSEL),
        Part(cava, Tissue.VESSEL),
    ]
    for _ in range(rng.integers(25, 45)):
        direction, distance = rng.uniform(0, 2 * math.pi), math.sqrt(rng.uniform(0, 0.9))
        at = (
            lung.centre_mm[0] + distance * lung.radii_mm[0] * math.cos(direction),
            lung.centre_mm[1] + distance * lung.radii_mm[1] * math.sin(direction),
        )
        size = rng.uniform(0.8, 2.6)
        twig = Blob(at, (size * rng.uniform(1, 2.5), size), rng.uniform(0, math.pi))
        vessels.append(Part(Solid(twig, rng.uniform(-20, 110), 35, draw.drift(0.4)), Tissue.VESSEL, Tissue.LUNG))
    for _ in range(rng.integers(5, 10)):
        at = (rng.uniform(-50, 70), rng.uniform(70, 130))
        size = rng.uniform(2, 4.5)
        vessels.append(
            Part(
                Solid(draw.blob(at, (size, size * 1.4), spread=2), rng.uniform(0, 90), 50, draw.drift(0.3)),
                Tissue.VESSEL,
            )
        )
    return vessels
