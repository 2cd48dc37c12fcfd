"""The training slices after training: the sizes that were given, and what the network makes of the slices."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.config.level import Level, Levels
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError
from medsize.files import atomic_path
from medsize.inference.load import Predictor
from medsize.inference.predict_slices import predict_labels
from medsize.supervision.given_sizes import exact_fractions, first_rows
from medsize.supervision.supervise import MANY
from medsize.supervision.table_sizes import Estimates

MOST_SLICES: Final = 1000
"""A data set with more training slices is sampled evenly: a scatter of sizes needs no more."""

_AT_A_TIME = 64


def compare_training_sizes(
    predictor: Predictor,
    store: SliceStore,
    rows: NDArray[np.intp],
    targets: pd.DataFrame,
    levels: Levels = "slice",
    while_learning: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Predict training slices, and put the predicted sizes beside the exact and the given ones.

    Args:
        predictor: The trained network.
        store: The slices.
        rows: Those to predict, whole cases where sizes are of volumes.
        targets: ``size_targets.csv``.
        levels: What the given sizes are about, slices, volumes or both.
        while_learning: The sizes predicted on average over the epochs, (N, K), if they are known.

    Returns:
        The columns ``case, slice, structure, exact_fraction, given_fraction, predicted_fraction``,
        ``while_learning_fraction`` if it is known, and what else ``targets`` tells; one row a slice (or a volume,
        without number of a slice) and class (``background`` too).
        The predicted size is the share of Ω that is most probably of the class; sizes are NaN where there is no
        label or none was given.
    """
    predicted = np.concatenate(
        [
            _fractions(predict_rows(predictor, store, part), store.domain[part], store.classes)
            for part in np.array_split(rows, range(_AT_A_TIME, len(rows), _AT_A_TIME))
        ]
    )
    found = {"predicted_fraction": predicted}
    found |= {} if while_learning is None else {"while_learning_fraction": while_learning[rows]}
    tables = []
    if levels != "volume":
        tables.append(_beside(store, rows, found, targets[targets["slice"].notna()], "slice"))
    if levels != "slice":
        cases, volumes = store.index["case"].to_numpy()[rows], first_rows(store, rows)
        # The slices of a case have equally many pixels, so the size of its volume is their mean.
        parts = [cases == case for case in store.index["case"].iloc[volumes]]
        means = {name: np.array([sizes[part].mean(0) for part in parts]) for name, sizes in found.items()}
        tables.append(_beside(store, volumes, means, targets[targets["slice"].isna()], "volume"))
    return pd.concat(tables, ignore_index=True)


def _beside(
    store: SliceStore,
    rows: NDArray[np.intp],
    found: Mapping[str, NDArray[np.float64]],
    targets: pd.DataFrame,
    level: Level,
) -> pd.DataFrame:
    names = ["background", *store.structures]
    table = store.index[["case", "slice"]].iloc[np.repeat(rows, len(names))].reset_index(drop=True)
    table = table.assign(structure=names * len(rows), exact_fraction=exact_fractions(store, level)[rows].reshape(-1))
    table["slice"] = table["slice"].astype("Int64")
    keys = ["case", "slice", "structure"]
    if level == "volume":
        table["slice"] = pd.array([pd.NA] * len(table), dtype="Int64")
        keys.remove("slice")
    given = [name for name in targets.columns if name not in ("case", "slice", "structure", "exact_fraction", "level")]
    targets = targets.astype({"slice": "Int64"})
    table = table.merge(targets[[*keys, *given]], on=keys, how="left", validate="one_to_one", indicator="found")
    # of many structures, those that are absent and said to be so have no row
    left_out = (table.pop("found") == "left_only") & table["case"].isin(targets["case"])
    table.loc[left_out, "given_fraction"] = 0.0
    return table.assign(**{name: sizes.reshape(-1) for name, sizes in found.items()})


def predict_rows(predictor: Predictor, store: SliceStore, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the predicted classes of slices of the store, (n, H, W)."""
    return predict_labels(
        predictor.network,
        store.images,
        rows,
        device=predictor.device,
        precision=predictor.precision,
        batch_size=predictor.config.training.batch_size,
    )


def sample_training(store: SliceStore, rows: NDArray[np.intp], levels: Levels) -> NDArray[np.intp]:
    """Return an even sample of at most about :data:`MOST_SLICES` training rows, of whole cases for volumes."""
    if levels == "slice":
        return sample_evenly(rows, MOST_SLICES)
    first = first_rows(store, rows)
    sample = sample_evenly(first, max(MOST_SLICES * len(first) // max(len(rows), 1), 1))
    return store.rows(store.index["case"].iloc[sample])


def middle_rows(store: SliceStore, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the middle one of the rows of each case, in the order of the cases."""
    cases = store.index["case"].iloc[rows]
    return np.array([(of_case := rows[cases == case])[len(of_case) // 2] for case in cases.unique()], dtype=np.intp)


def rows_of_items(
    store: SliceStore, sizes: pd.DataFrame, while_learning: NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Return the row of the slice that each size is about; of a whole case, the slice that shows most of the structure.

    Args:
        store: The slices.
        sizes: The columns ``case``, ``slice`` (none for a whole case) and ``structure``.
        while_learning: The sizes predicted on average over the epochs, (N, K), which tell what shows most; without
            them it is the middle slice.
    """
    found = []
    for case, number, structure in zip(sizes["case"], sizes["slice"], sizes["structure"], strict=True):
        index = store.rows([case])
        if not pd.isna(number):
            found.append(index[int(number)])
            continue
        seen = np.full(len(index), np.nan)
        if while_learning is not None:
            seen = while_learning[index, 1 + store.structures.index(structure)]
        found.append(index[len(index) // 2] if np.isnan(seen).all() else index[np.nanargmax(seen)])
    return np.array(found, dtype=np.intp)


def sample_evenly(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return at most ``most`` of the rows, evenly spaced, the first and the last among them."""
    if len(rows) <= most:
        return rows
    sample: NDArray[np.intp] = rows[np.linspace(0, len(rows) - 1, most).round().astype(np.intp)]
    return sample


def given_estimates(store: SliceStore, targets: pd.DataFrame) -> dict[Level, Estimates]:
    """Return the sizes that a run was given, one row a slice of the store.

    Args:
        store: The slices.
        targets: ``size_targets.csv``: sizes of slices, of volumes, or of both.
    """
    found: dict[Level, Estimates] = {}
    classes = {name: k for k, name in enumerate(store.structures, start=1)}
    rows_of = {case: store.rows([case]) for case in targets["case"].unique()}
    of_volumes = targets["slice"].isna()
    levels: tuple[tuple[Level, pd.DataFrame], ...] = (("slice", targets[~of_volumes]), ("volume", targets[of_volumes]))
    for level, part in levels:
        if part.empty:
            continue
        found[level] = estimates = Estimates.unknown(len(store), store.classes)
        for row in part.to_dict("records"):
            at = rows_of[row["case"]] if level == "volume" else rows_of[row["case"]][int(row["slice"])]
            if len(classes) > MANY and np.isnan(estimates.value[at]).all():
                estimates.value[at] = 0.0  # of many structures, those that are absent have no row
            if row["structure"] in classes:
                k = classes[row["structure"]]
                estimates.value[at, k] = row["given_fraction"]
                estimates.low[at, k] = row.get("low_fraction", np.nan)
                estimates.high[at, k] = row.get("high_fraction", np.nan)
    return found


@dataclass(frozen=True, slots=True)
class TaughtSlices:
    """Some training slices as the network was taught them, and its answer in the end.

    Attributes:
        case: Ids, (n,).
        slice: Numbers from 0, (n,).
        image: (n, H, W) uint8, the network's input times 255; of photos (n, H, W, 3).
        seeds: (n, H, W) uint8 classes, 255 where nothing was told.
        pseudo_label: (n, H, W) uint8 classes that followed from seeds and sizes, 255 where undecided.
        relabelled: Whether the network itself labelled them last, a bool array of no dimension.
        label: (n, H, W) uint8 classes of the label, 255 where there is none.
        predicted: (n, H, W) uint8 classes.
        pixel_mm: (n, 2), spacing of the slice's own pixels.
    """

    case: NDArray[np.str_]
    slice: NDArray[np.int64]
    image: NDArray[np.uint8]
    seeds: NDArray[np.uint8]
    pseudo_label: NDArray[np.uint8]
    relabelled: NDArray[np.bool_]
    label: NDArray[np.uint8]
    predicted: NDArray[np.uint8]
    pixel_mm: NDArray[np.float64]

    @classmethod
    def collect(
        cls,
        predictor: Predictor,
        store: SliceStore,
        rows: NDArray[np.intp],
        seeds: NDArray[np.uint8] | None,
        pseudo_label: NDArray[np.uint8] | None = None,
        *,
        relabelled: bool = False,
    ) -> Self:
        """Take slices from the store.

        Args:
            predictor: The trained network.
            store: The slices.
            rows: Those to take.
            seeds: The run's seeds, of the whole store; None if it had none.
            pseudo_label: What taught these slices beside or instead of seeds, (n, H, W); None if the run had none.
            relabelled: Whether the network labelled them itself.
        """
        image = (np.moveaxis(np.asarray(store.images[rows]), 1, -1) * 255).round().astype(np.uint8)
        image = image[..., 0] if image.shape[-1] == 1 else image
        cases = store.index["case"].iloc[rows].to_list()
        nothing = np.full(image.shape[:3], UNLABELLED, np.uint8)
        return cls(
            case=np.array(cases, dtype=np.str_),
            slice=store.index["slice"].iloc[rows].to_numpy(np.int64),
            image=image,
            seeds=nothing if seeds is None else np.asarray(seeds[rows]),
            pseudo_label=nothing if pseudo_label is None else pseudo_label,
            relabelled=np.array(relabelled),
            label=np.asarray(store.labels[rows]),
            predicted=predict_rows(predictor, store, rows),
            pixel_mm=np.array(
                [
                    np.multiply(store.grid(case).scale, np.nan_to_num(store.spacing_mm(case)[:2], nan=1))
                    for case in cases
                ]
            ),
        )

    def write(self, path: Path) -> None:
        """Write an ``.npz``, whole or not at all."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        with atomic_path(path) as partial:
            np.savez_compressed(partial, **arrays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what ``write`` wrote.

        Raises:
            InputError: The file is missing or damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return cls(**arrays)
        except (OSError, EOFError, ValueError, TypeError, BadZipFile, zlib.error) as error:
            raise InputError(
                f"{path} cannot be read", found=str(error), remedy="evaluate the run first: medsize evaluate RUN"
            ) from error


def choose_taught(rows: NDArray[np.intp], sizes: pd.DataFrame, count: int) -> NDArray[np.intp]:
    """Choose training slices to show: of those with a structure, evenly from the smallest to the largest.

    Args:
        rows: Those to choose from.
        sizes: What :func:`compare_training_sizes` says about them, or about their volumes; the given size decides,
            else the exact one.
        count: How many to choose; fewer if there are fewer.

    Returns:
        Rows, the smallest structures first.
    """
    structures = sizes[sizes["structure"] != "background"]
    flat = structures["given_fraction"].fillna(structures["exact_fraction"]).to_numpy(np.float64)
    known = flat.reshape(len(rows), -1)
    size = np.where(np.isnan(known).all(1), np.nan, np.nansum(known, 1))
    order = np.argsort(size, kind="stable")
    present = rows[order][size[order] > 0]  # unknown sizes are NaN, and not above 0
    present = present if present.size else rows
    count = min(count, len(present))
    chosen: NDArray[np.intp] = present[((np.arange(count) + 0.5) / count * len(present)).astype(np.intp)]
    return chosen


def _fractions(labels: NDArray[np.uint8], domain: NDArray[np.bool_], classes: int) -> NDArray[np.float64]:
    sizes = [
        np.bincount(label[inside], minlength=classes) / np.count_nonzero(inside)
        for label, inside in zip(labels, domain, strict=True)
    ]
    return np.array(sizes)
