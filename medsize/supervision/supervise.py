"""From a configuration to what a run is taught from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.config.objective import Level
from medsize.config.supervision import NoisySizes, SupervisionConfig
from medsize.data.store import SliceStore
from medsize.supervision.bounds import make_bounds
from medsize.supervision.given_sizes import exact_fractions, first_rows, given_sizes
from medsize.supervision.size_targets import Fractions, mean_relative_error
from medsize.supervision.stored_seeds import seed_pixels, stored_seeds
from medsize.supervision.tags import tags_from_sizes


@dataclass(frozen=True, slots=True)
class Supervision:
    """What a run is taught from, one row a slice of the store; what the objective does not need is None.

    At the level of volumes, all rows of a case have the sizes, bounds and tags of its whole volume.

    Attributes:
        seeds: Class of each seed pixel, 255 elsewhere, (N, H, W), on disk.
        size_target: Given fractions, (N, K), background first; NaN where unknown, as outside the training rows.
        size_bounds: Lower and upper bounds, (N, K, 2); NaN where unknown.
        tags: True for the classes present, (N, K); rows without any True are unknown.
        table: The sizes of the training rows, background included: ``case``, ``slice``, ``structure``,
            ``exact_fraction`` (NaN without a label) and ``given_fraction`` (NaN where unknown). At the level of
            volumes one row a case and class, without number of a slice. Empty if no size is needed.
        measured_noise: Mean relative error of the given sizes of ``background``, each structure, and ``foreground``
            (all structures), as far as labels tell; None if no size is needed or there is no label.
        nominal_noise: The noise asked for, if sizes are needed and noisy.
        seed_pixels: Counts of the seeds' pixels: see :func:`~medsize.supervision.stored_seeds.seed_pixels`.
    """

    seeds: NDArray[np.uint8] | None
    size_target: NDArray[np.float32] | None
    size_bounds: NDArray[np.float32] | None
    tags: NDArray[np.bool_] | None
    table: pd.DataFrame
    measured_noise: dict[str, float] | None
    nominal_noise: float | None
    seed_pixels: dict[str, float] | None


def supervise(
    config: SupervisionConfig,
    store: SliceStore,
    rows: NDArray[np.integer],
    *,
    needs: frozenset[str],
    seed: int,
    labels: Mapping[str, int] | None = None,
) -> Supervision:
    """Make what the objective needs, and nothing else.

    Bounds and tags follow from the given sizes. What is random depends on ``seed``, the case and the slice, not on
    which other cases there are.

    Args:
        config: Which seeds, sizes and bounds, of slices or of volumes.
        store: The slices. Sizes come from its index; its labels are read only for seeds made from masks, of the
            training rows alone, and only the first time.
        rows: Rows of the store that train.
        needs: Among ``seeds``, ``size_target``, ``size_bounds`` and ``tags``, what is made; others are ignored.
        seed: Of random seeds and noise.
        labels: Structure name to its value in the files of the data set; scribbles alone need it.

    Raises:
        InputError: Scribbles, a size table or bounds cannot be used, or give no training slice a size.
    """
    seeds = stored_seeds(config.seeds, store, rows, seed, labels) if "seeds" in needs else None
    counts = None if seeds is None else seed_pixels(seeds, rows)
    if not needs & {"size_target", "size_bounds", "tags"}:
        return Supervision(seeds, None, None, None, _table(store, rows[:0], None, config.level), None, None, counts)
    sizes = given_sizes(config.sizes, store, rows, seed, config.level)
    return Supervision(
        seeds=seeds,
        size_target=sizes.astype(np.float32) if "size_target" in needs else None,
        size_bounds=make_bounds(config.bounds, sizes).astype(np.float32) if "size_bounds" in needs else None,
        tags=tags_from_sizes(sizes) if "tags" in needs else None,
        table=_table(store, rows, sizes, config.level),
        measured_noise=_measured_noise(store, rows, sizes, config.level),
        nominal_noise=config.sizes.noise if isinstance(config.sizes, NoisySizes) else None,
        seed_pixels=counts,
    )


def _table(store: SliceStore, rows: NDArray[np.integer], sizes: Fractions | None, level: Level) -> pd.DataFrame:
    rows = rows if level == "slice" else first_rows(store, rows)
    keys = store.index[["case", "slice"]].iloc[np.repeat(rows, store.classes)].reset_index(drop=True)
    keys["slice"] = keys["slice"].astype("Int64") if level == "slice" else pd.array([pd.NA] * len(keys), dtype="Int64")
    given = np.empty((0, store.classes)) if sizes is None else sizes[rows]
    return keys.assign(
        structure=["background", *store.structures] * len(rows),
        exact_fraction=exact_fractions(store, level)[rows].reshape(-1),
        given_fraction=given.reshape(-1),
    )


def _measured_noise(
    store: SliceStore, rows: NDArray[np.integer], sizes: Fractions, level: Level
) -> dict[str, float] | None:
    rows = rows if level == "slice" else first_rows(store, rows)
    each, structures = mean_relative_error(sizes[rows], exact_fractions(store, level)[rows])
    names = ["background", *store.structures, "foreground"]
    measured = zip(names, [*each.tolist(), structures], strict=True)
    return {name: error for name, error in measured if not np.isnan(error)} or None
