"""The sizes that a run is given, for the slices of a store."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from medsize.config.level import Level
from medsize.config.supervision import ExactSizes, MeanSizes, NoisySizes, Sizes, TableSizes
from medsize.data.store import SliceStore
from medsize.errors import InputError
from medsize.supervision.rng import NOISE, rng_for
from medsize.supervision.size_targets import Fractions, mean_sizes, noisy_sizes
from medsize.supervision.table_sizes import Estimates, GivenTable

Row = TypeVar("Row", bound=np.integer)


def exact_fractions(store: SliceStore, level: Level = "slice") -> Fractions:
    """Return the exact size of every class on every slice of a store, (N, K), NaN where there is no label.

    They were measured when the store was built, so that no label is read.

    Args:
        store: The slices.
        level: ``"slice"`` for fractions of each slice, ``"volume"`` for fractions of all slices of its case together.
    """
    structures = np.asarray(store.fractions)
    sizes = np.concatenate([1 - structures.sum(1, keepdims=True), structures], axis=1)
    if level == "volume":
        for rows in _rows_of_cases(store).values():
            sizes[rows] = sizes[rows].mean(0)  # all slices of a case have equally many pixels
    return sizes


def given_sizes(
    config: Sizes, store: SliceStore, rows: NDArray[np.integer], seed: int, level: Level = "slice"
) -> Fractions:
    """Return the sizes that a configuration gives for some rows of a store.

    The noise of a case depends on ``seed`` and the case alone, not on which other cases there are.

    Args:
        config: The kind of sizes.
        store: The slices.
        rows: The rows that get sizes, whole cases where they are of volumes; a mean is taken over them.
        seed: Of the noise.
        level: ``"slice"``, or ``"volume"``: all rows of a case have the sizes of its volume, with noise drawn once.

    Returns:
        Fractions, (N, K), one row a slice of the store, background first; NaN where unknown and outside ``rows``.

    Raises:
        InputError: A size table cannot be used, or gives none of the rows a size.
        InputErrors: Several rows of it cannot be used, or it gives some slices of a volume but not all.
    """
    if isinstance(config, TableSizes):
        table = GivenTable.read(config.path, store)
        table.require(level)
        return table_estimates(table, store, rows, level).value
    sizes = np.full((len(store), store.classes), np.nan)
    match config:
        case ExactSizes():
            sizes[rows] = exact_fractions(store, level)[rows]
        case NoisySizes():
            sizes[rows] = _noisy(config, store, seed, level)[rows]
        case MeanSizes():
            sizes[rows] = _mean(exact_fractions(store, level), store, rows, level)
    return sizes


def table_estimates(table: GivenTable, store: SliceStore, rows: NDArray[np.integer], level: Level) -> Estimates:
    """Return the values and ranges that a table gives for some rows of a store.

    Args:
        table: The table.
        store: The slices.
        rows: The rows that get sizes, whole cases where they are of volumes.
        level: ``"slice"`` or ``"volume"``.

    Raises:
        InputError: It gives none of the rows a size.
        InputErrors: Sizes cannot be used: see :meth:`~medsize.supervision.table_sizes.GivenTable.estimates`.
    """
    found = table.estimates(store, rows, level)  # first, as it says what is wrong with rows of held-out cases too
    training = set(store.index["case"].iloc[rows])
    if not any(case in training for case, _, _ in table.entries):
        what = {"slice": "slices", "volume": "cases", "both": "slices and cases"}[table.levels]
        raise InputError(
            f"{table.path} gives no training {'slice' if table.levels == 'slice' else 'case'} a size",
            found=f"sizes of {len({key[:2] for key in table.entries})} {what}, all of held-out cases",
            remedy="add rows for training cases, or choose another split",
        )
    return found


def first_rows(store: SliceStore, rows: NDArray[Row]) -> NDArray[Row]:
    """Return the first of the rows of each case, in their order: one row a volume."""
    return rows[~store.index["case"].iloc[rows].duplicated().to_numpy()]


def _rows_of_cases(store: SliceStore) -> dict[str, NDArray[np.intp]]:
    return {str(case): store.rows([case]) for case in store.index["case"].unique()}


def _noisy(config: NoisySizes, store: SliceStore, seed: int, level: Level) -> Fractions:
    sizes = exact_fractions(store, level)
    for case, index in _rows_of_cases(store).items():
        rng = rng_for(seed, NOISE, case)
        exact = sizes[index] if level == "slice" else sizes[index[:1]]
        sizes[index] = noisy_sizes(exact, config.noise, rng, config.noise_on)
    return sizes


def _mean(exact: Fractions, store: SliceStore, rows: NDArray[np.integer], level: Level) -> Fractions:
    if level == "slice":
        return mean_sizes(exact[rows])
    volumes = first_rows(store, rows)
    means = dict(zip(store.index["case"].iloc[volumes], mean_sizes(exact[volumes]), strict=True))
    return np.array([means[case] for case in store.index["case"].iloc[rows]])
