"""Batches of slices from the store, in an order that follows from the seed and the epoch alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medsize.data.store import SliceStore
from medsize.errors import InputError

Given = Mapping[str, NDArray[Any]]
"""What slices are taught from, by the entry of a batch that it becomes, one entry a row of the store.

``seeds`` and ``pseudo_label`` are (N, H, W) uint8 classes, 255 where nothing is told; ``size_target`` (N, K) and
``size_bounds`` (N, K, 2) float32 fractions, background first, NaN unknown; ``tags`` (N, K) bool, none true where
unknown. With ``volume_`` in front these three are about the whole case of each slice, where both are given.
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices that are trained on together.

    Attributes:
        cases: Case id of each slice.
        tensors: ``image`` (B, C, H, W) float32 and the keys asked for: rows of what is given, ``label`` (B, H, W)
            uint8, ``case`` (B,) int64, the same number for slices of one case of the batch; also ``domain`` (B, H, W)
            bool when some slice of the store has padding.
    """

    cases: list[str]
    tensors: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Batches:
    """How the rows that train are divided into the batches of an epoch.

    Every epoch has equally many batches, so that a step's number says where a training stands. What is left over at
    an epoch's end waits for another order.

    Attributes:
        units: Rows that are never parted: single slices, or whole cases.
        size: Units in a batch of one process.
        processes: Processes that train together, each on a batch of its own.
    """

    units: Sequence[NDArray[np.intp]]
    size: int
    processes: int

    @classmethod
    def of_slices(cls, rows: NDArray[np.intp], *, size: int, processes: int = 1) -> "Batches":
        """Divide slices.

        Args:
            rows: Rows of the store that train.
            size: Slices in a batch; fewer if there are not so many.
            processes: Processes that train together.

        Raises:
            InputError: There are fewer slices than processes.
        """
        return cls._of(list(rows[:, None]), size, processes, "slices")

    @classmethod
    def of_cases(
        cls, rows: NDArray[np.intp], cases: Sequence[str], *, size: int, fewest: int = 1, processes: int = 1
    ) -> "Batches":
        """Divide whole cases, as many in every batch, for what is known of volumes.

        Args:
            rows: Rows of the store that train.
            cases: The case of each row.
            size: Slices that a batch should have on average.
            fewest: Cases that are in a batch at least, as far as there are so many.
            processes: Processes that train together.

        Raises:
            InputError: There are fewer cases than processes.
        """
        names = np.asarray(cases)
        units = [rows[names == case] for case in dict.fromkeys(cases)]
        return cls._of(units, max(fewest, round(size * len(units) / max(len(rows), 1))), processes, "cases")

    @classmethod
    def _of(cls, units: Sequence[NDArray[np.intp]], size: int, processes: int, what: str) -> "Batches":
        if len(units) < processes:
            raise InputError(
                f"{len(units)} {what} cannot be shared by {processes} processes",
                expected=f"at least as many training {what} as processes",
                remedy="start fewer processes, or train on more data",
            )
        return cls(units, min(size, len(units) // processes), processes)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.units) // (self.size * self.processes)

    def order(self, *, seed: int, epoch: int) -> NDArray[np.intp]:
        """Return the numbers of the units in the order of an epoch.

        Args:
            seed: The run's seed.
            epoch: Number of the epoch, from 0.
        """
        return np.random.default_rng((seed, epoch)).permutation(len(self.units))

    def rows(self, order: NDArray[np.intp], batch: int, process: int = 0) -> NDArray[np.intp]:
        """Return the rows of a process in a batch.

        Args:
            order: Of the epoch.
            batch: Number of the batch in the epoch, from 0.
            process: Number of the process.
        """
        first = (batch * self.processes + process) * self.size
        return np.concatenate([self.units[unit] for unit in order[first : first + self.size]])


def gather(store: SliceStore, given: Given, rows: NDArray[np.intp], *, keys: Collection[str]) -> Batch:
    """Read the slices of a batch. Only what is asked for is read: the labels' file stays closed without ``label``.

    Args:
        store: The slices.
        given: Their supervision.
        rows: Rows of the store.
        keys: Keys wanted besides ``image``: any of ``given``, ``label`` and ``case``.

    Raises:
        ValueError: A key is none of these.
    """
    arrays: dict[str, NDArray[Any]] = {"image": store.images[rows]}
    if store.padded:
        arrays["domain"] = store.domain[rows]
    cases = store.index["case"].to_numpy()[rows].tolist()
    for key in keys:
        match key:
            case "label":
                arrays[key] = store.labels[rows]
            case "case":
                arrays[key] = np.unique(cases, return_inverse=True)[1]
            case _ if key in given:
                arrays[key] = given[key][rows]
            case _:
                raise ValueError(f"expected one of {', '.join([*given, 'label', 'case'])}; got '{key}'")
    return Batch(cases, {key: torch.from_numpy(np.asarray(array)) for key, array in arrays.items()})
