"""From a configuration to what a run is taught from."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.config.level import Level, Levels
from medsize.config.supervision import ExactSizes, NoisySizes, Sizes, SupervisionConfig, TableSizes
from medsize.data.batches import Given
from medsize.data.store import SliceStore
from medsize.supervision.bounds import make_bounds
from medsize.supervision.given_sizes import exact_fractions, first_rows, given_sizes, table_estimates
from medsize.supervision.stored_pseudo_labels import stored_pseudo_labels
from medsize.supervision.stored_seeds import seed_pixels, stored_seeds
from medsize.supervision.table_sizes import Estimates, GivenTable
from medsize.supervision.tags import tags_from_sizes

SIZES: Final = tuple(f"{of}{key}" for of in ("", "volume_") for key in ("size_target", "size_bounds", "tags"))
"""The entries of a batch that are sizes, or follow from them alone."""

PSEUDO_LABEL: Final = "pseudo_label"
"""The entry that follows from seeds and sizes."""

_EACH: Final[dict[Levels, tuple[Level, ...]]] = {
    "slice": ("slice",),
    "volume": ("volume",),
    "both": ("slice", "volume"),
}
_KINDS: Final = ("given", "exact")
_SMALLEST_SHARE: Final = 1e-4

MANY: Final = 8
"""With more structures, tables leave out those that are absent: of 80, a photo shows three."""


@dataclass(frozen=True, slots=True)
class Supervision:
    """What a run is taught from.

    Attributes:
        given: What the objective needs, by entry of a batch. At the level of volumes, all rows of a case have the
            sizes, bounds and tags of its whole volume. Where a table gives both, those of slices and of volumes
            (``volume_…``) stand side by side. Outside the training rows nothing is told. With ``pseudo_label`` the
            seeds are there too.
        table: The sizes of the training rows, background included: ``case``, ``slice``, ``structure``,
            ``exact_fraction`` (NaN without a label) and ``given_fraction`` (NaN where unknown). At the level of
            volumes one row a case and class, without number of a slice. Where there are more than ``MANY`` structures,
            those that are absent and said to be so have no row. For sizes from a table also ``level``,
            ``low_fraction`` and ``high_fraction``, and what it says: ``value, low, high, unit, raters, rows``.
            Empty if no size is needed.
        measured_noise: Mean relative error of the given sizes of ``background``, each structure, and ``foreground``
            (all structures), as far as labels tell; None if no size is needed or there is no label.
        nominal_noise: The noise asked for, if sizes are needed and noisy.
        seed_pixels: Counts of the seeds' pixels: see :func:`~medsize.supervision.stored_seeds.seed_pixels`.
        level: What the sizes are about, after a look into the table.
        rows_left_out: How many rows of the table are about cases or structures that the run does not use.
        pseudo_labels: What there is to say about ``pseudo_label``: see
            :func:`~medsize.supervision.stored_pseudo_labels.stored_pseudo_labels`.
        estimates: Everything that is known of the sizes of slices, of volumes, or of both.
        expected_noise: Mean relative error that the sizes of structures must be expected to have, if the
            configuration says it: 0 of exact ones, and of noisy ones what is asked for and what the noise of the
            background, of the same size, adds to it.
    """

    given: Given
    table: pd.DataFrame
    measured_noise: dict[str, float] | None = None
    nominal_noise: float | None = None
    seed_pixels: dict[str, float] | None = None
    level: Levels = "slice"
    rows_left_out: int = 0
    pseudo_labels: dict[str, float] | None = None
    estimates: Mapping[Level, Estimates] = field(default_factory=dict)
    expected_noise: float | None = None

    def mean_sizes(self) -> list[float] | None:
        """Return the mean given size of each class, background first, or None where a structure has none.

        Only what the objective is given counts: the size targets, or else the middle of the size bounds, or the sizes
        that labels are grown to.
        """
        targets = [self.given[key] for key in ("size_target", "volume_size_target") if key in self.given]
        middles = [self.given[key].mean(-1) for key in ("size_bounds", "volume_size_bounds") if key in self.given]
        grown_to = [of.presence() for of in self.estimates.values()] if PSEUDO_LABEL in self.given else []
        each = (mean_shares(sizes) for sizes in (*targets, *middles, *grown_to))
        return next((shares for shares in each if shares), None)


def mean_shares(sizes: NDArray[np.floating]) -> list[float] | None:
    """Return the mean of sizes (N, K) of each class, background first; None if a structure has none at all."""
    if np.isnan(sizes[:, 1:]).all(0).any():
        return None
    structures = np.nanmean(sizes[:, 1:], 0, dtype=np.float64).clip(_SMALLEST_SHARE, 1)
    return [max(1 - float(structures.sum()), _SMALLEST_SHARE), *structures.tolist()]


def supervise(
    config: SupervisionConfig,
    store: SliceStore,
    rows: NDArray[np.integer],
    *,
    needs: frozenset[str],
    seed: int,
    labels: Mapping[str, int] | None = None,
    others: Collection[str] = (),
) -> Supervision:
    """Make what the objective needs, and nothing else.

    Bounds and tags follow from the given sizes. What is random depends on ``seed``, the case and the slice, not on
    which other cases there are.

    Args:
        config: Which seeds, sizes and bounds, of slices or of volumes.
        store: The slices. Sizes come from its index; its labels are read only for seeds made from masks, of the
            training rows alone, and only the first time.
        rows: Rows of the store that train.
        needs: Among ``seeds``, ``pseudo_label``, ``size_target``, ``size_bounds`` and ``tags`` (and ``volume_…``), what
            is made; others are ignored.
        seed: Of random seeds and noise.
        labels: Structure name to its value in the files of the data set; scribbles need it, and so does a table with
            structures that are not segmented.
        others: Cases of the data set that are not in the store, which a table may name too.

    Raises:
        InputError: Scribbles, a size table or bounds cannot be used, or give no training slice a size.
    """
    grows = PSEUDO_LABEL in needs
    told: dict[str, NDArray[Any]] = {}
    counts = None
    if grows or "seeds" in needs:
        told["seeds"] = stored_seeds(config.seeds, store, rows, seed, labels)
        counts = seed_pixels(told["seeds"], rows)
    if not grows and not needs & set(SIZES):
        return Supervision(told, _table(store, rows[:0], None, "slice"), seed_pixels=counts)
    sizes_of = config.sizes
    table = GivenTable.read(sizes_of.path, store, labels or (), others) if isinstance(sizes_of, TableSizes) else None
    tables: list[pd.DataFrame] = []
    known: dict[Level, Estimates] = {}
    levels: Levels = config.level or (table.levels if table else "slice")
    if table:
        table.require(levels)
    for level in _EACH[levels]:
        known[level] = estimates = _estimates(config, table, store, rows, seed, level)
        prefix = "volume_" if levels == "both" and level == "volume" else ""
        arrays = {f"{prefix}{key}": array for key, array in _arrays(config, estimates).items()}
        told |= {key: array for key, array in arrays.items() if key in needs}
        tables.append(_table(store, rows, estimates, level, table))
    sizes = pd.concat(tables, ignore_index=True)
    about = None
    if grows:
        told[PSEUDO_LABEL], about = stored_pseudo_labels(config.pseudo_labels, store, rows, told["seeds"], known)
    return Supervision(
        given=told,
        table=sizes,
        measured_noise=_measured_noise(sizes, store.structures),
        nominal_noise=config.sizes.noise if isinstance(config.sizes, NoisySizes) else None,
        seed_pixels=counts,
        level=levels,
        rows_left_out=table.left_out if table else 0,
        pseudo_labels=about,
        estimates=known,
        expected_noise=_expected_noise(config.sizes),
    )


def _expected_noise(sizes: Sizes) -> float | None:
    match sizes:
        case ExactSizes():
            return 0.0
        case NoisySizes():
            return sizes.noise * (math.sqrt(2) if sizes.noise_on == "all" else 1)
        case _:
            return None


def _estimates(
    config: SupervisionConfig,
    table: GivenTable | None,
    store: SliceStore,
    rows: NDArray[np.integer],
    seed: int,
    level: Level,
) -> Estimates:
    if table:
        return table_estimates(table, store, rows, level)
    nothing = Estimates.unknown(len(store), store.classes)
    return replace(nothing, value=given_sizes(config.sizes, store, rows, seed, level))


def _arrays(config: SupervisionConfig, estimates: Estimates) -> dict[str, NDArray[Any]]:
    presence = estimates.presence()
    ranges = np.stack([estimates.low, estimates.high], axis=-1)
    return {
        "size_target": estimates.value.astype(np.float32),
        "size_bounds": make_bounds(config.bounds, presence, ranges).astype(np.float32),
        "tags": tags_from_sizes(presence),
    }


def _table(
    store: SliceStore,
    rows: NDArray[np.integer],
    estimates: Estimates | None,
    level: Level,
    table: GivenTable | None = None,
) -> pd.DataFrame:
    rows = rows if level == "slice" else first_rows(store, rows)
    estimates = estimates or Estimates.unknown(len(store), store.classes)
    exact, given = exact_fractions(store, level)[rows], estimates.value[rows]
    shown = np.ones(exact.shape, np.bool_)
    if len(store.structures) > MANY:
        shown[:, 1:] = (given[:, 1:] != 0) | (exact[:, 1:] > 0)
    at, classes = np.nonzero(shown)
    keys = store.index[["case", "slice"]].iloc[rows[at]].reset_index(drop=True)
    keys["slice"] = keys["slice"].astype("Int64") if level == "slice" else pd.array([pd.NA] * len(keys), dtype="Int64")
    sizes = keys.assign(
        structure=np.array(["background", *store.structures], object)[classes],
        exact_fraction=exact[shown],
        given_fraction=given[shown],
    )
    if not table:
        return sizes
    items = zip(sizes["case"], sizes["slice"], sizes["structure"], strict=True)
    written = [table.written(case, None if pd.isna(number) else int(number), name) for case, number, name in items]
    return sizes.assign(
        level=level,
        low_fraction=estimates.low[rows][shown],
        high_fraction=estimates.high[rows][shown],
    ).join(pd.DataFrame(written))


def _measured_noise(sizes: pd.DataFrame, structures: Sequence[str]) -> dict[str, float] | None:
    names = ["background", *structures]
    given, exact = (sizes[f"{kind}_fraction"].to_numpy(np.float64) for kind in _KINDS)
    error = np.where((exact > 0) & ~np.isnan(given), np.abs(given - exact) / np.where(exact > 0, exact, 1), np.nan)
    errors = pd.Series(error)
    each = errors.groupby(sizes["structure"].to_numpy()).mean()
    together = float(errors[(sizes["structure"] != "background").to_numpy()].mean())
    measured = {name: float(each[name]) for name in names if name in each} | {"foreground": together}
    return {name: value for name, value in measured.items() if not np.isnan(value)} or None
