"""Distances along an image: as far as it is, and farther where intensities change on the way."""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

Distances = NDArray[np.float64]


class PixelGraph:
    """The pixels of a domain, each joined to all its neighbours (8 in an image, 26 in a volume).

    Args:
        domain: True on the pixels that paths may use, (*spatial).
        spacing: Of the pixels along each axis, in any unit of length.
        image: Intensities, (C, *spatial), in [0, 1].
    """

    def __init__(self, domain: NDArray[np.bool_], spacing: NDArray[np.float64], image: NDArray[np.floating]) -> None:
        self.shape = domain.shape
        numbers = np.arange(domain.size).reshape(domain.shape)
        ends: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
        lengths: list[Distances] = []
        contrasts: list[Distances] = []
        for step in _half_of_the_neighbours(domain.ndim):
            here = tuple(slice(max(-d, 0), n - max(d, 0)) for d, n in zip(step, domain.shape, strict=True))
            there = tuple(slice(max(d, 0), n - max(-d, 0)) for d, n in zip(step, domain.shape, strict=True))
            joined = domain[here] & domain[there]
            change = np.linalg.norm(image[:, *there].astype(np.float64) - image[:, *here], axis=0)[joined]
            ends.append((numbers[here][joined], numbers[there][joined]))
            contrasts.append(change)
            lengths.append(np.full(change.shape, np.linalg.norm(np.array(step) * spacing)))
        self.first, self.second = (np.concatenate(side) for side in zip(*ends, strict=True))
        self.lengths, self.contrasts = np.concatenate(lengths), np.concatenate(contrasts)

    def distances(self, sources: NDArray[np.bool_], walls: NDArray[np.bool_], contrast: float) -> Distances:
        """Measure the shortest path from each pixel to any source, a step of which is ``√(length² + (λ·ΔI)²)``.

        Args:
            sources: Where paths begin, (*spatial).
            walls: Pixels that no path enters, (*spatial).
            contrast: λ, the length that a change of intensity by 1 counts as, in the unit of the spacing.

        Returns:
            (*spatial), infinite where no path leads.
        """
        free = ~(walls.flat[self.first] | walls.flat[self.second])
        weights = np.hypot(self.lengths[free], contrast * self.contrasts[free])
        size = sources.size
        graph = coo_array((weights, (self.first[free], self.second[free])), shape=(size, size)).tocsr()
        found = dijkstra(graph, directed=False, indices=np.flatnonzero(sources), min_only=True)
        return np.asarray(found, np.float64).reshape(self.shape)


def _half_of_the_neighbours(dimensions: int) -> list[tuple[int, ...]]:
    """Steps to the neighbours of a pixel, one of each pair of opposite ones."""
    steps = list(product((-1, 0, 1), repeat=dimensions))
    return steps[len(steps) // 2 + 1 :]
