"""From anatomy to an image: partial volume, coil sensitivity, blur and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsize.data.sources.phantom.heart import Heart, Phase
from medsize.data.sources.phantom.shapes import Canvas
from medsize.data.sources.phantom.tissues import STRUCTURES, draw_brightness
from medsize.data.sources.phantom.torso import Torso

FINER = 3
"""Points painted along each side of a pixel, and planes through the heart in each slice."""


@dataclass(frozen=True, slots=True)
class Scan:
    """How one patient is scanned.

    Attributes:
        shape: Pixels (X, Y) of a slice.
        spacing_mm: Side of a pixel.
        thickness_mm: Distance of the slices.
        depths_mm: Depth of each slice.
        brightness: Signal of each tissue; blood is about 1.
        sensitivity: Factor on the signal at each pixel, (X, Y).
        noise: Standard deviation of the noise, where blood is about 1.
        scale: Stored intensity of signal 1.
    """

    shape: tuple[int, int]
    spacing_mm: float
    thickness_mm: float
    depths_mm: tuple[float, ...]
    brightness: NDArray[np.float32]
    sensitivity: NDArray[np.float32]
    noise: float
    scale: float


def draw_scan(rng: np.random.Generator, size: int, apex_mm: float) -> Scan:
    """Draw how a patient is scanned: from above the base of the heart to beyond its apex.

    Args:
        rng: Source of the draws.
        size: Pixels of a slice along each side, about; the field of view does not depend on it.
        apex_mm: Depth of the apex.
    """
    width, height = (round(size * factor) for factor in rng.uniform((0.92, 1.0), (1.02, 1.12)))
    spacing = rng.uniform(1.55, 1.75) * 152 / size
    thickness = float(rng.choice([8.0, 9.0, 10.0]))
    first = -thickness * rng.uniform(0.0, 1.2)
    count = int((apex_mm - first) / thickness + rng.uniform(0.6, 1.9))
    return Scan(
        shape=(width, height),
        spacing_mm=spacing,
        thickness_mm=thickness,
        depths_mm=tuple(first + thickness * number for number in range(count)),
        brightness=draw_brightness(rng),
        sensitivity=_draw_sensitivity(rng, (width, height)),
        noise=rng.uniform(0.02, 0.05),
        scale=rng.uniform(250, 700),
    )


def scan_heart(
    rng: np.random.Generator, scan: Scan, heart: Heart, sections: list[Canvas], phase: Phase
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Scan a heart at one moment.

    Args:
        rng: Source of texture and noise.
        scan: How.
        heart: The heart.
        sections: The torso around it at each depth, as painted by :func:`paint_torso`.
        phase: The moment.

    Returns:
        The image and ACDC's labels, (X, Y, Z).
    """
    slices = [
        _scan_slice(rng, scan, heart, section, phase, depth)
        for section, depth in zip(sections, scan.depths_mm, strict=True)
    ]
    images, labels = zip(*slices, strict=True)
    return np.stack(images, axis=-1), np.stack(labels, axis=-1)


def paint_torso(scan: Scan, torso: Torso) -> list[Canvas]:
    """Paint the torso at the depth of each slice, on a finer grid than the scan's."""
    sections = []
    for depth in scan.depths_mm:
        canvas = Canvas.empty((FINER * scan.shape[0], FINER * scan.shape[1]), scan.spacing_mm / FINER)
        torso.paint(canvas, depth)
        sections.append(canvas)
    return sections


def _scan_slice(
    rng: np.random.Generator, scan: Scan, heart: Heart, section: Canvas, phase: Phase, depth: float
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    signal = scan.brightness[section.codes]
    outline = heart.outline()
    box = section.box(outline)
    planes = []
    for plane in (np.arange(FINER) + 0.5) / FINER - 0.5:
        canvas = section.around(outline)
        heart.paint(canvas, phase, depth + plane * scan.thickness_mm)
        planes.append(canvas.codes)
    signal[box] = sum(scan.brightness[codes] for codes in planes) / FINER
    codes = section.codes.copy()
    codes[box] = planes[FINER // 2]
    middle = slice(FINER // 2, None, FINER)  # the point at a pixel's centre says what it is
    return _receive(rng, scan, _block_mean(signal)), STRUCTURES[codes[middle, middle]]


def _receive(rng: np.random.Generator, scan: Scan, signal: NDArray[np.float32]) -> NDArray[np.int16]:
    """The image of a signal: blurred, textured, seen by the coils, with Rician noise."""
    texture = ndimage.gaussian_filter(rng.standard_normal(scan.shape, np.float32), 2.5)
    signal = ndimage.gaussian_filter(signal, 0.45) * (1 + 0.6 * texture) * scan.sensitivity
    real, imaginary = scan.noise * rng.standard_normal((2, *scan.shape), np.float32)
    received: NDArray[np.int16] = np.rint(scan.scale * np.hypot(signal + real, imaginary)).astype(np.int16)
    return received


def _draw_sensitivity(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    x, y = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None, :]
    slope_x, slope_y, bend_x, bend_y, twist = rng.normal((0, -0.15, -0.1, -0.1, 0), (0.2, 0.2, 0.12, 0.12, 0.12))
    field = slope_x * x + slope_y * y + bend_x * x**2 + bend_y * y**2 + twist * x * y
    sensitivity: NDArray[np.float32] = np.exp(field).astype(np.float32)
    return sensitivity


def _block_mean(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    x, y = fine.shape
    mean: NDArray[np.float32] = fine.reshape(x // FINER, FINER, y // FINER, FINER).mean((1, 3), dtype=np.float32)
    return mean
