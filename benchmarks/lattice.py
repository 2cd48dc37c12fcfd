"""The usual permutohedral lattice (Adams, Baek and Davis 2010) in numpy, to see how exact it is; not for its speed."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lattice_filter(points: Array, values: Array) -> Array:
    """Return almost ``WV``, ``w_pq = exp(−½‖f_p − f_q‖²)``, with the constants of Krähenbühl and Koltun's code.

    Args:
        points: Features f, (N, d).
        values: V, (N, K).
    """
    keys, weights = _simplices(points)
    corners = points.shape[1] + 1
    vertices, inverse = np.unique(keys.reshape(-1, corners - 1), axis=0, return_inverse=True)
    vertex = inverse.reshape(len(points), corners)
    number = {tuple(key): index for index, key in enumerate(vertices.tolist())}
    held = np.zeros((len(vertices) + 1, values.shape[1]))  # the last row stands for all vertices that hold nothing
    for corner in range(corners):
        np.add.at(held, vertex[:, corner], weights[:, corner : corner + 1] * values)
    for axis in range(corners):
        neighbours = []
        for step in (-1, 1):
            moved = vertices + step
            if axis < corners - 1:
                moved[:, axis] = vertices[:, axis] - step * (corners - 1)
            neighbours.append([number.get(tuple(key), len(vertices)) for key in moved.tolist()])
        held[:-1] += (held[neighbours[0]] + held[neighbours[1]]) / 2
    sliced = sum(weights[:, corner : corner + 1] * held[vertex[:, corner]] for corner in range(corners))
    return np.asarray(sliced / (1 + 2.0 ** -(corners - 1)))


def _simplices(points: Array) -> tuple[NDArray[np.int64], Array]:
    """Return the vertices around each point, (N, d + 1, d), and its barycentric weights, (N, d + 1)."""
    N, d = points.shape
    scaled = points * np.sqrt(2 / 3) * (d + 1) / np.sqrt([(i + 1) * (i + 2) for i in range(d)])
    tails = np.cumsum(scaled[:, ::-1], 1)[:, ::-1]
    elevated = np.column_stack([tails, np.zeros(N)])
    elevated[:, 1:] -= np.arange(1, d + 1) * scaled
    nearest = np.round(elevated / (d + 1)) * (d + 1)
    excess = np.rint(nearest.sum(1) / (d + 1)).astype(np.int64)
    order = np.argsort(-(elevated - nearest), axis=1, kind="stable")
    rank = np.argsort(order, axis=1) + excess[:, None]
    nearest += (d + 1) * ((rank < 0).astype(float) - (rank > d))
    rank = rank % (d + 1)
    offset = (elevated - nearest) / (d + 1)
    weights = np.zeros((N, d + 2))
    here = np.arange(N)
    for axis in range(d + 1):
        weights[here, d - rank[:, axis]] += offset[:, axis]
        weights[here, d - rank[:, axis] + 1] -= offset[:, axis]
    weights[:, 0] += 1 + weights[:, d + 1]
    corner = np.arange(d + 1)[:, None]
    canonical = np.where(np.arange(d + 1) <= d - corner, corner, corner - (d + 1))
    keys = [nearest[:, :d] + canonical[c][rank[:, :d]] for c in range(d + 1)]
    return np.stack(keys, 1).astype(np.int64), weights[:, : d + 1]
