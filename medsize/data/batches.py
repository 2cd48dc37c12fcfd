"""Batches of slices from the store, in an order that follows from the seed and the epoch alone."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medsize.data.store import SliceStore

GIVEN = ("seeds", "size_target", "size_bounds", "tags")
"""Keys of a batch that the supervision gives; ``image``, ``domain`` and ``label`` come from the store."""


class Given(Protocol):
    """What slices are taught from, one entry a row of the store; None for what was not made.

    Attributes:
        seeds: (N, H, W) uint8 classes, 255 unlabelled.
        size_target: (N, K) float32 fractions, NaN unknown.
        size_bounds: (N, K, 2) float32 fractions, lower and upper.
        tags: (N, K) bool.
    """

    @property
    def seeds(self) -> NDArray[np.uint8] | None:
        """Seeds."""

    @property
    def size_target(self) -> NDArray[np.float32] | None:
        """Size targets."""

    @property
    def size_bounds(self) -> NDArray[np.float32] | None:
        """Size bounds."""

    @property
    def tags(self) -> NDArray[np.bool_] | None:
        """Tags."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices that are trained on together.

    Attributes:
        cases: Case id of each slice.
        tensors: ``image`` (B, 1, H, W) float32 and the keys asked for: ``seeds`` (B, H, W) uint8, ``size_target``
            (B, K) and ``size_bounds`` (B, K, 2) float32, ``tags`` (B, K) bool, ``label`` (B, H, W) uint8; also
            ``domain`` (B, H, W) bool when some slice of the store has padding.
    """

    cases: list[str]
    tensors: dict[str, Tensor]


def epoch_order(rows: NDArray[np.intp], *, seed: int, epoch: int) -> NDArray[np.intp]:
    """Return the rows in the order of an epoch.

    Args:
        rows: Rows of the store that train.
        seed: The run's seed.
        epoch: Number of the epoch, from 0.
    """
    return np.random.default_rng((seed, epoch)).permutation(rows)


def gather(store: SliceStore, given: Given, rows: NDArray[np.intp], *, keys: Collection[str]) -> Batch:
    """Read the slices of a batch. Only what is asked for is read: the labels' file stays closed without ``label``.

    Args:
        store: The slices.
        given: Their supervision.
        rows: Rows of the store.
        keys: Keys wanted besides ``image``: any of ``GIVEN``, and ``label``.

    Raises:
        ValueError: A key is not known, or was not made.
    """
    arrays: dict[str, NDArray[Any]] = {"image": store.images[rows]}
    if store.padded:
        arrays["domain"] = store.domain[rows]
    for key in keys:
        arrays[key] = store.labels[rows] if key == "label" else _given(given, key)[rows]
    cases = store.index["case"].to_numpy()[rows].tolist()
    return Batch(cases, {key: torch.from_numpy(np.asarray(array)) for key, array in arrays.items()})


def _given(given: Given, key: str) -> NDArray[Any]:
    array: NDArray[Any] | None = getattr(given, key) if key in GIVEN else None
    if array is None:
        raise ValueError(f"expected one of {', '.join(GIVEN)} that was made, or label; got '{key}'")
    return array
