"""``summary.json`` of photos: mIoU over the whole set, each class, objects by size, with intervals over photos."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.evaluation.photo_scores import BACKGROUND
from medsize.evaluation.rules import PHOTO_RULES
from medsize.evaluation.scored_case import PREDICTIONS
from medsize.metrics.class_means import ClassMean, class_means
from medsize.metrics.measures import PHOTO_MEASURES
from medsize.metrics.overlap import BETA_SQUARED
from medsize.metrics.statistics import COVERAGE, RESAMPLES, describe

SIZES: Final = ("small", "medium", "large")
"""Of objects, by their area in the label."""

SIZE_LIMITS_PIXELS: Final = (32.0**2, 96.0**2)
"""Areas from which objects are medium, and large, as COCO and "Small Objects Matters" have them."""

_SET_MEASURES: Final = ("miou", "precision", "recall", "pixel_accuracy", "ia_miou", *(f"ia_{size}" for size in SIZES))


def summarise_photos(
    tables: Mapping[str, pd.DataFrame],
    values: Mapping[str, int],
    *,
    size_limits_pixels: tuple[float, float] = SIZE_LIMITS_PIXELS,
) -> dict[str, Any]:
    """Return what the tables of photos come to.

    Args:
        tables: Of :func:`medsize.evaluation.photo_tables.tabulate_photos`.
        values: Structure to its value in the mask files, in class order.
        size_limits_pixels: Areas from which objects are medium, and large.

    Returns:
        Values for JSON, NaN where undefined. The block of the checkpoint ``last`` on the photos that decide nothing
        stands at the top, the others in ``others``. In ``set`` are the figures of the whole set with their intervals
        and the classes that each leaves out, in ``classes`` those of each class that is there, in ``aggregates``
        the statistics of each structure over the photos that hold it. ``headline`` is ``f_measure`` (mean over
        photos) where there is one structure, else ``miou``.
    """
    metrics, instances = tables["metrics"], tables["instances"]
    blocks = [
        _block(rows, instances[(instances["checkpoint"] == checkpoint) & (instances["split"] == split)], values, limits)
        for (checkpoint, split), rows in metrics.groupby(["checkpoint", "split"], sort=False)
        for limits in [size_limits_pixels]
    ]
    blocks.sort(key=lambda block: (block["checkpoint"] not in ("last", PREDICTIONS), block["split"] != "test"))
    return {
        **(blocks[0] if blocks else {"set": {}, "classes": {}, "aggregates": {}}),
        "headline": "f_measure" if len(values) == 1 else "miou",
        "others": blocks[1:],
        "structures": dict(values),
        "rules": PHOTO_RULES,
        "size_limits_pixels": list(size_limits_pixels),
        "bootstrap": {"of": "group", "coverage": COVERAGE, "resamples": RESAMPLES, "seed": 0},
    }


def size_of(areas: pd.Series, limits_pixels: tuple[float, float]) -> pd.Series:
    """Return the size of objects in words by their areas in pixels."""
    return pd.Series(np.take(SIZES, np.digitize(areas, limits_pixels)), index=areas.index, dtype="str")


def _block(
    metrics: pd.DataFrame,
    instances: pd.DataFrame,
    values: Mapping[str, int],
    limits_pixels: tuple[float, float],
) -> dict[str, Any]:
    checkpoint, split = str(metrics["checkpoint"].iloc[0]), str(metrics["split"].iloc[0])
    names = [BACKGROUND, *values]
    photos = metrics.drop_duplicates("case").set_index("case")["group"]
    place = {case: number for number, case in enumerate(photos.index)}
    column = {name: number for number, name in enumerate(names)}
    shape = len(photos), len(names)
    right, predicted, true = (
        _spread(metrics[f"voxels_{name}"], metrics, place, column, shape) for name in ("overlap", "predicted", "true")
    )
    objects = instances[instances["structure"] != BACKGROUND]
    of_size = size_of(objects["area_pixels"], limits_pixels)
    parts = {
        "miou": (right, predicted + true - right),
        "precision": (right, predicted),
        "recall": (right, true),
        "pixel_accuracy": (right.sum(1, keepdims=True), true.sum(1, keepdims=True)),
        "ia_miou": _instances(instances, place, column, shape),
        **{f"ia_{size}": _instances(objects[of_size == size], place, column, shape) for size in SIZES},
    }
    found = class_means(parts, photos.to_list())
    present = (predicted + true).sum(0) > 0
    structures = metrics[metrics["structure"] != BACKGROUND]
    return {
        "checkpoint": checkpoint,
        "split": split,
        "chosen_on_these_cases": checkpoint.split("_")[0] == "best" and split == "val",
        "photos": len(photos),
        "set": {name: _of_set(found[name], names) for name in _SET_MEASURES},
        "classes": {
            name: {
                **{
                    measure: asdict(found[measure].of_class[number]) for measure in parts if measure != "pixel_accuracy"
                },
                "photos_true": int((true[:, number] > 0).sum()),
                "photos_predicted": int((predicted[:, number] > 0).sum()),
                "voxels_true": int(true[:, number].sum()),
                "voxels_predicted": int(predicted[:, number].sum()),
                "instances": int(parts["ia_miou"][1][:, number].sum()),
            }
            for number, name in enumerate(names)
            if present[number]
        },
        "aggregates": {
            str(name): _aggregate(rows, len(photos)) for name, rows in structures.groupby("structure", sort=False)
        },
    }


def _spread(
    counted: pd.Series,
    rows: pd.DataFrame,
    place: Mapping[str, int],
    column: Mapping[str, int],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Return the sum of a column of a table for each photo and class, (N, K)."""
    summed = np.zeros(shape)
    at = rows["case"].map(place).to_numpy(np.intp), rows["structure"].map(column).to_numpy(np.intp)
    np.add.at(summed, at, counted.to_numpy(np.float64))
    return summed


def _instances(
    rows: pd.DataFrame, place: Mapping[str, int], column: Mapping[str, int], shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of the IoU of instances and their number for each photo and class."""
    ones = pd.Series(1.0, index=rows.index)
    return _spread(rows["iou"], rows, place, column, shape), _spread(ones, rows, place, column, shape)


def _of_set(found: ClassMean, names: list[str]) -> dict[str, Any]:
    if len(found.of_class) == 1:
        return asdict(found.mean)
    without = [name for name, ratio in zip(names, found.of_class, strict=True) if np.isnan(ratio.value)]
    return {**asdict(found.mean), "classes": len(names) - len(without), "left_out": without}


def _aggregate(rows: pd.DataFrame, photos: int) -> dict[str, Any]:
    found = {name: describe(rows[name].to_numpy(np.float64), rows["group"].to_list()) for name in PHOTO_MEASURES}
    of_means = _f_of_means(found["precision"].mean, found["recall"].mean)
    return {
        "cases": len(rows),
        "in_neither": photos - len(rows),
        "groups": rows["group"].nunique(),
        "failed_cases": rows["case"][rows["failure"] != ""].to_list(),
        "f_measure_of_means": of_means,
        "measures": {name: asdict(each) for name, each in found.items()},
    }


def _f_of_means(precision: float, recall: float) -> float:
    below = BETA_SQUARED * precision + recall
    return (1 + BETA_SQUARED) * precision * recall / below if below else 0.0
