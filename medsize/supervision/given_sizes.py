"""The sizes that a run is given, for the slices of a store."""

import numpy as np
from numpy.typing import NDArray

from medsize.config.supervision import ExactSizes, MeanSizes, NoisySizes, Sizes, TableSizes
from medsize.data.store import SliceStore
from medsize.errors import InputError
from medsize.supervision.draws import NOISE, draws
from medsize.supervision.size_table import read_size_table
from medsize.supervision.size_targets import Fractions, mean_sizes, noisy_sizes


def exact_fractions(store: SliceStore) -> Fractions:
    """Return the exact size of every class on every slice of a store, (N, K), NaN where there is no label.

    They come from the store's index, so that no label is read.
    """
    structures = store.index[[f"fraction_{name}" for name in store.structures]].to_numpy(np.float64)
    return np.concatenate([1 - structures.sum(1, keepdims=True), structures], axis=1)


def given_sizes(config: Sizes, store: SliceStore, rows: NDArray[np.integer], seed: int) -> Fractions:
    """Return the sizes that a configuration gives for some rows of a store.

    The noise of a case depends on ``seed`` and the case alone, not on which other cases there are.

    Args:
        config: The kind of sizes.
        store: The slices.
        rows: The rows that get sizes; a mean is taken over them.
        seed: Of the noise.

    Returns:
        Fractions, (N, K), one row a slice of the store, background first; NaN where unknown and outside ``rows``.

    Raises:
        InputError: A size table cannot be used, or gives none of the rows a size.
    """
    sizes = np.full((len(store), store.classes), np.nan)
    match config:
        case ExactSizes():
            sizes[rows] = exact_fractions(store)[rows]
        case NoisySizes():
            sizes[rows] = _noisy(config, store, seed)[rows]
        case MeanSizes():
            sizes[rows] = mean_sizes(exact_fractions(store)[rows])
        case TableSizes():
            sizes[rows] = _table(config, store, rows)[rows]
    return sizes


def _noisy(config: NoisySizes, store: SliceStore, seed: int) -> Fractions:
    sizes = exact_fractions(store)
    for case, index in store.index.groupby("case", sort=False).indices.items():
        rng = draws(seed, NOISE, str(case))
        sizes[index] = noisy_sizes(sizes[index], config.noise, rng, config.noise_on)
    return sizes


def _table(config: TableSizes, store: SliceStore, rows: NDArray[np.integer]) -> Fractions:
    sizes = read_size_table(config.path, store.structures, store.index)
    if np.isnan(sizes[rows]).all():
        raise InputError(
            f"{config.path} gives no training slice a size",
            found=f"sizes of {np.count_nonzero(~np.isnan(sizes).any(1))} slices, all of held-out cases",
            remedy="add rows for training cases, or choose another split",
        )
    return sizes
