"""Seeds: the few pixels of each structure whose class the network is told."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsize.config.supervision import (
    CentroidSeeds,
    ErosionSeeds,
    FullSeeds,
    LengthRatioSeeds,
    RandomSeeds,
)
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MaskSeeds = ErosionSeeds | RandomSeeds | CentroidSeeds | FullSeeds | LengthRatioSeeds
"""The kinds that are made from masks."""
"""The kinds of seeds that are made from masks; scribbles are drawn by people."""


def make_seeds(config: MaskSeeds, label: Labels, rng: np.random.Generator) -> Labels:
    """Make the seeds that a configuration describes.

    Args:
        config: The kind of seeds and its settings.
        label: Class of each pixel, any number of dimensions, 0 background, 255 unknown.
        rng: Source of the random seeds; the other kinds draw nothing.

    Returns:
        Class of each seed pixel, 255 elsewhere, of the label's shape.
    """
    match config:
        case ErosionSeeds():
            return erosion_seeds(label, config.iterations)
        case RandomSeeds():
            return random_seeds(label, rng, config.radius_px)
        case CentroidSeeds():
            return centroid_seeds(label, config.radius_px)
        case FullSeeds():
            return full_seeds(label)
        case LengthRatioSeeds():
            return length_ratio_seeds(label, config.ratio)


def erosion_seeds(label: Labels, iterations: int = 10) -> Labels:
    """Erode each structure as often as it survives: the seeds of the size-constraint authors.

    A structure is eroded with a full 3×3 (3×3×3, …) element ``iterations`` times, one time less, and so on;
    the first result with a pixel left is the seed, else the whole structure. Outside the image is not the
    structure.

    Args:
        label: Class of each pixel, any number of dimensions, 0 background, 255 unknown.
        iterations: The most erosions tried, at least 1.

    Returns:
        Class of each seed pixel, 255 elsewhere; structures only, never background.
    """
    seeds = np.full_like(label, UNLABELLED)
    for structure, box, mask in _structures(label):
        depth = _depth(mask)
        # A pixel survives n erosions if its depth is above n, so the deepest decides how many are possible.
        seeds[box][depth > min(iterations, depth.max() - 1)] = structure
    return seeds


def random_seeds(label: Labels, rng: np.random.Generator, radius_px: float = 2.5) -> Labels:
    """A disc (a ball) around a random pixel of each structure, clipped to the structure.

    Args:
        label: Class of each pixel, any number of dimensions, 0 background, 255 unknown.
        rng: Draws one pixel a structure.
        radius_px: Radius of the disc; 2.5 makes it five pixels wide.

    Returns:
        Class of each seed pixel, 255 elsewhere.
    """
    seeds = np.full_like(label, UNLABELLED)
    for structure, box, mask in _structures(label):
        pixels = np.argwhere(mask)
        seeds[box][_disc(mask, pixels[rng.integers(len(pixels))], radius_px)] = structure
    return seeds


def centroid_seeds(label: Labels, radius_px: float = 2.5) -> Labels:
    """A disc (a ball) around each structure's pixel nearest to its centroid, clipped to the structure.

    Args:
        label: Class of each pixel, any number of dimensions, 0 background, 255 unknown.
        radius_px: Radius of the disc.

    Returns:
        Class of each seed pixel, 255 elsewhere.
    """
    seeds = np.full_like(label, UNLABELLED)
    for structure, box, mask in _structures(label):
        pixels = np.argwhere(mask)
        centre = pixels[_squared_distance(pixels, pixels.mean(0)).argmin()]
        seeds[box][_disc(mask, centre, radius_px)] = structure
    return seeds


def full_seeds(label: Labels) -> Labels:
    """The whole of every structure; the background stays unlabelled.

    Args:
        label: Class of each pixel, any number of dimensions, 0 background, 255 unknown.

    Returns:
        Class of each seed pixel, 255 elsewhere.
    """
    return np.where(label == 0, np.uint8(UNLABELLED), label)


def length_ratio_seeds(label: Labels, ratio: float) -> Labels:
    """Part of every object: one pixel ("one click") at ratio 0, the whole of it at 1.

    The axis of "Approximate Size Targets" (P0) Fig. 4, for masks or scribbles alike. An object is a connected
    component (neighbours across corners count). Its seed starts at its innermost pixel and takes the nearest
    others, ``1 + ratio · (pixels − 1)`` in all, so that a larger ratio only ever adds pixels.

    Args:
        label: Class of each pixel, any number of dimensions, 0 background, 255 unknown.
        ratio: From 0 to 1.

    Returns:
        Class of each seed pixel, 255 elsewhere.
    """
    seeds = np.full_like(label, UNLABELLED)
    for structure, box, mask in _structures(label):
        objects, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
        depth = _depth(mask)
        for number in range(1, count + 1):
            pixels = np.argwhere(objects == number)
            nearness = _squared_distance(pixels, pixels.mean(0))
            start = np.lexsort((nearness, -depth[tuple(pixels.T)]))[0]
            order = _squared_distance(pixels, pixels[start]).argsort(kind="stable")
            taken = pixels[order[: 1 + round(ratio * (len(pixels) - 1))]]
            seeds[box][tuple(taken.T)] = structure
    return seeds


def scribble_seeds(scribble: Labels, class_of: Mapping[int, int], unlabelled: int = 4) -> Labels:
    """Turn the values of a scribble into classes.

    Args:
        scribble: Values as drawn, any number of dimensions.
        class_of: Class of every value that may be drawn. Structures that a run does not segment are background
            to it: for the left ventricle of ACDC, ``{0: 0, 1: 0, 2: 0, 3: 1}``.
        unlabelled: The value that means "not annotated".

    Returns:
        Class of each seed pixel, 255 elsewhere; unlike the other seeds, background where it was drawn.

    Raises:
        InputError: A value is drawn that has no class.
    """
    classes = np.full(256, UNLABELLED, np.uint8)
    for value, structure in class_of.items():
        classes[value] = structure
    classes[unlabelled] = UNLABELLED
    unknown = set(np.unique(scribble).tolist()) - class_of.keys() - {unlabelled}
    if unknown:
        raise InputError(
            "a scribble holds a value that has no meaning",
            expected=f"{', '.join(map(str, sorted(class_of)))}, or {unlabelled} where nothing is drawn",
            found=", ".join(map(str, sorted(unknown))),
            remedy="correct the file, or set supervision.seeds.unlabelled to the value of blank pixels",
        )
    return classes[scribble]


def _structures(label: Labels) -> Iterator[tuple[int, tuple[slice, ...], Mask]]:
    """Every structure of a label: its class, its bounding box, and its mask in that box."""
    known = np.where(label == UNLABELLED, np.uint8(0), label)
    for structure, box in enumerate(ndimage.find_objects(known), start=1):
        if box is not None:
            yield structure, box, known[box] == structure


def _depth(mask: Mask) -> NDArray[np.int32]:
    """Chessboard distance of each pixel to the outside of a mask: its outermost pixels have depth 1."""
    depth: NDArray[np.int32] = ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")
    return depth[(slice(1, -1),) * mask.ndim]


def _disc(mask: Mask, centre: NDArray[np.int_], radius_px: float) -> Mask:
    axes = np.ogrid[tuple(slice(length) for length in mask.shape)]
    distance = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
    disc: Mask = mask & (distance <= radius_px**2)
    return disc


def _squared_distance(pixels: NDArray[np.int_], point: NDArray[np.float64] | NDArray[np.int_]) -> NDArray[np.float64]:
    squared: NDArray[np.float64] = ((pixels - point) ** 2).sum(1)
    return squared
