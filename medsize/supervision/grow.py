"""Dense labels from seeds and sizes: what is certainly object, what certainly background, and a ring left open."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError
from medsize.supervision.geodesic import Distances, PixelGraph
from medsize.supervision.seeds import Labels, Mask

_ROUNDING = 1e-6


def grow(
    seeds: Labels,
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    *,
    domain: Mask | None = None,
    spacing: NDArray[np.floating] | None = None,
    image: NDArray[np.floating] | None = None,
    contrast: float = 0.0,
) -> Labels:
    """Label the pixels of one image, or volume, whose class follows from seeds and sizes.

    With |Ω| the number of pixels, each structure is certain of its nearest ``low·|Ω|`` pixels, its seeds included, and
    what lies beyond the nearest ``high·|Ω|`` pixels of every structure is certainly background. Between, and where
    structures and background both may be, pixels stay open. Of pixels at the same distance, those nearer to the centre
    of the structure's seeds come first.

    - Where structures compete, a pixel belongs to the one whose seeds are nearest in units of its radius, that of a
      disc (or ball) of the middle of its range. Each counts its own pixels alone, and those that are not farther than
      all structures together would reach from its seeds; it has what there is of them if that is less than its size.
    - Seeds are never claimed by another class, those of the background included.
    - A size of 0 is an absent structure: if all are, Ω is background.
    - Of a structure without a known lower end only the seeds are certain. Without a known upper end, or without a
      seed, it may be anywhere, and no pixel but seeds is certainly background.
    - A structure has at least its seeds: where they are more than ``high·|Ω|``, the ring begins at them and has as
      many pixels as the range.

    Args:
        seeds: Class of each seed pixel, 255 elsewhere, (*spatial).
        low: Lower end of each class's size, a fraction of Ω, (K,); NaN is unknown. That of the background, class 0,
            is not used.
        high: Upper end, likewise.
        domain: Ω, True inside the image and False on padding, (*spatial); by default everything is inside.
        spacing: Of the pixels along each axis, in any unit of length; by default all alike.
        image: Intensities in [0, 1], (C, *spatial): distances are then the shortest paths through the image, a step
            of which is ``√(length² + (λ·ΔI)²)``. By default distances are straight.
        contrast: How many radii of a structure a change of intensity by 1 on the way counts as: λ divided by them.

    Returns:
        The class where it is certain, 255 elsewhere, (*spatial).

    Raises:
        InputError: Shapes that do not fit, a class without a size, a range that is none, or lower ends that together
            exceed the image.
    """
    domain = np.ones(seeds.shape, np.bool_) if domain is None else domain
    steps = np.ones(seeds.ndim) if spacing is None else np.asarray(spacing, np.float64)
    _require_shapes(seeds, domain, steps, image)
    seeds = np.where(domain, seeds, np.uint8(UNLABELLED))
    extent = Extent.of(seeds, low, high, int(np.count_nonzero(domain)))
    seeded = seeds != UNLABELLED
    radii = extent.radii(float(np.prod(steps)), seeds.ndim)
    graph = None if image is None else PixelGraph(domain, steps, image)
    distances = {
        k: _distances(seeds == k, ~domain | (seeded & (seeds != k)), steps, graph, contrast * float(radii[k]))
        for k in np.flatnonzero(extent.placed).tolist()
    }
    found = np.full(seeds.shape, UNLABELLED, np.uint8)
    background = domain & (not extent.anywhere.any())
    together = int(extent.most[extent.placed].sum())
    for k, own in _own_pixels(distances, radii).items():
        distance = distances[k]
        centre = np.argwhere(seeds == k).mean(0)
        _, farthest = _nearest(distance, together, centre, steps)
        mine = np.where(own & (distance <= farthest), distance, np.inf)
        certain, _ = _nearest(mine, int(extent.least[k]), centre, steps)
        reached, reach = _nearest(mine, int(extent.most[k]), centre, steps)
        found[certain] = k
        background &= ~reached & (own | (distance > reach))
    found[background] = 0
    found[seeded] = seeds[seeded]
    return found


@dataclass(frozen=True, slots=True)
class Extent:
    """How many pixels each class has, each attribute (K,); the background has none.

    Attributes:
        least: At least so many; 0 if that is unknown.
        most: At most so many; of an unknown upper end, its least.
        placed: Whether the structure may be there and has seeds.
        anywhere: Whether it may be there, and nothing tells how far.
        without_seeds: Whether it is there, by its size, but has no seed.
        below_seeds: Whether its size is smaller than its seeds.
    """

    least: NDArray[np.intp]
    most: NDArray[np.intp]
    placed: Mask
    anywhere: Mask
    without_seeds: Mask
    below_seeds: Mask

    @classmethod
    def of(cls, seeds: Labels, low: NDArray[np.floating], high: NDArray[np.floating], pixels: int) -> Self:
        """Count pixels.

        Args:
            seeds: As for :func:`grow`, 255 outside Ω.
            low: Likewise.
            high: Likewise.
            pixels: |Ω|.

        Raises:
            InputError: As :func:`grow` does.
        """
        _require_sizes(low, high)
        counts = np.bincount(seeds[seeds != UNLABELLED], minlength=len(low))
        if len(counts) > len(low):
            raise InputError(
                "there are seeds of a class without a size",
                expected=f"classes 0 to {len(low) - 1}, and {UNLABELLED} where there is no seed",
                found=f"class {len(counts) - 1}",
            )
        least, most = (np.round(np.nan_to_num(end).clip(max=1) * pixels).astype(np.intp) for end in (low, high))
        least[0] = most[0] = counts[0] = 0
        structure = np.arange(len(low)) > 0
        open_ended = structure & np.isnan(high)
        ring = np.maximum(most - least, 0)
        below = structure & ~open_ended & (most < counts)
        most = np.where(below, counts + ring, most)
        return cls(
            least=np.maximum(least, counts),
            most=np.maximum(most, least),
            placed=structure & (counts > 0),
            anywhere=open_ended | (structure & (high > 0) & (counts == 0)),
            without_seeds=structure & ((low > 0) | (high > 0)) & (counts == 0),
            below_seeds=below,
        )

    def radii(self, pixel: float, dimensions: int) -> Distances:
        """Return what grows with each structure as its radius does, (K,).

        Args:
            pixel: Area, or volume, of a pixel.
            dimensions: Of the image.
        """
        return np.asarray((np.maximum((self.least + self.most) / 2, 1) * pixel) ** (1 / dimensions))


def _distances(sources: Mask, walls: Mask, spacing: Distances, graph: PixelGraph | None, contrast: float) -> Distances:
    if graph:
        return graph.distances(sources, walls, contrast)
    straight = np.asarray(ndimage.distance_transform_edt(~sources, sampling=spacing.tolist()), np.float64)
    straight[walls] = np.inf
    return straight


def _own_pixels(distances: dict[int, Distances], radii: Distances) -> dict[int, Mask]:
    """Return the pixels that each structure is nearer to than all others, in units of its radius."""
    if not distances:
        return {}
    nearest = np.stack([distance / radii[k] for k, distance in distances.items()]).argmin(0)
    return {k: nearest == at for at, k in enumerate(distances)}


def _nearest(distance: Distances, count: int, centre: Distances, spacing: Distances) -> tuple[Mask, float]:
    """Mark so many pixels of the least finite distance, or all of these, and tell the largest distance among them."""
    count = min(count, int(np.count_nonzero(np.isfinite(distance))))
    if count == 0:
        return np.zeros(distance.shape, np.bool_), 0.0
    reach = float(np.partition(distance, count - 1, axis=None)[count - 1])
    marked = distance < reach
    last = np.argwhere(distance == reach)
    order = (((last - centre) * spacing) ** 2).sum(1).argsort(kind="stable")
    marked[tuple(last[order[: count - np.count_nonzero(marked)]].T)] = True
    return marked, reach


def _require_shapes(seeds: Labels, domain: Mask, spacing: Distances, image: NDArray[np.floating] | None) -> None:
    found = {"the domain": domain.shape} | ({} if image is None else {"the image without channels": image.shape[1:]})
    for name, shape in found.items():
        if shape != seeds.shape:
            raise InputError(f"{name} does not fit the seeds", expected=f"shape {seeds.shape}", found=f"shape {shape}")
    if spacing.shape != (seeds.ndim,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise InputError(
            "the spacing does not fit the seeds", expected=f"{seeds.ndim} positive numbers", found=str(spacing)
        )


def _require_sizes(low: NDArray[np.floating], high: NDArray[np.floating]) -> None:
    if low.shape != high.shape or low.ndim != 1:
        raise InputError("the sizes do not fit", expected="two arrays (K,)", found=f"{low.shape} and {high.shape}")
    if wrong := np.flatnonzero((low[1:] < 0) | (high[1:] < low[1:]) | (high[1:] < 0)).tolist():
        k = wrong[0] + 1
        raise InputError(
            f"the size of class {k} is none", expected="0 ≤ low ≤ high", found=f"{low[k]:g} to {high[k]:g}"
        )
    if (least := float(np.nansum(low[1:]))) > 1 + _ROUNDING:
        raise InputError("the sizes exceed the image", expected="lower ends of at most 1 in all", found=f"{least:g}")
