"""The figures of photos as the report shows them: classes, objects by size, mistakes, and every photo."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.photo_scores import BACKGROUND
from medsize.evaluation.photo_summary import SIZES, size_of

MOST_PHOTOS: Final = 1000
"""More are not listed on the page: the table of a large set is metrics.csv."""

_MOST_MISTAKES: Final = 15


@dataclass(frozen=True, slots=True)
class SizeRow:
    """The objects of one size.

    Attributes:
        name: Its name with its limits.
        found: ``value``, ``low``, ``high``, ``classes``: the mean over the classes.
        objects: How many there are.
        missed: How many of them no prediction overlaps.
    """

    name: str
    found: dict[str, Any]
    objects: int
    missed: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """Pixels of one class taken for another.

    Attributes:
        true: The class they are of.
        predicted: The class they were taken for.
        share_of_wrong: Of all wrong pixels.
        share_of_true: Of all pixels of the true class.
        photos: In how many photos.
    """

    true: str
    predicted: str
    share_of_wrong: float
    share_of_true: float
    photos: int


def by_object_size(evaluated: Evaluated) -> list[SizeRow]:
    """Return the objects of the headline by size, without the background."""
    objects = evaluated.of_headline(evaluated.instances)
    objects = objects[objects["structure"] != BACKGROUND]
    low, high = evaluated.summary["size_limits_pixels"]
    limits = f"below {low:g} pixels", f"{low:g} to {high:g} pixels", f"from {high:g} pixels"
    sizes = size_of(objects["area_pixels"], (low, high))
    return [
        SizeRow(
            name=f"{size}: {words}",
            found=evaluated.summary["set"][f"ia_{size}"],
            objects=len(rows := objects[sizes == size]),
            missed=int((rows["iou"] == 0).sum()),
        )
        for size, words in zip(SIZES, limits, strict=True)
    ]


def mistakes(evaluated: Evaluated) -> list[Mistake]:
    """Return the most frequent mistakes, the most pixels first."""
    pairs = evaluated.of_headline(evaluated.confusion)
    wrong = pairs[pairs["true"] != pairs["predicted"]].sort_values("pixels", ascending=False, kind="stable")
    of_class = pairs.groupby("true")["pixels"].sum()
    return [
        Mistake(
            true=row["true"],
            predicted=row["predicted"],
            share_of_wrong=row["pixels"] / wrong["pixels"].sum(),
            share_of_true=row["pixels"] / of_class[row["true"]],
            photos=row["images"],
        )
        for row in wrong.head(_MOST_MISTAKES).to_dict("records")
    ]


def photo_rows(evaluated: Evaluated, measure: str) -> list[dict[str, Any]]:
    """Return one row a photo of the headline, the worst first, at most :data:`MOST_PHOTOS`.

    ``figure`` is the mean of the measure over the structures that label or prediction hold, ``classes`` lists these.
    """
    rows = evaluated.headline
    means = rows.groupby("case", sort=False)[measure].mean().sort_values(kind="stable")
    of_case = {str(case): part.sort_values(measure) for case, part in rows.groupby("case", sort=False)}
    return [
        {
            "case": case,
            "figure": float(figure),
            "classes": list(zip(of_case[case]["structure"], of_case[case][measure], strict=True)),
            **{name: float(of_case[case][name].iloc[0]) for name in ("precision", "recall", "jaccard")},
        }
        for case, figure in zip(map(str, means.index), means, strict=True)
    ][:MOST_PHOTOS]


def sample_objects(evaluated: Evaluated, most: int = 1200) -> pd.DataFrame:
    """Return the objects of the headline, an even sample of many."""
    objects = evaluated.of_headline(evaluated.instances)
    objects = objects[objects["structure"] != BACKGROUND]
    if len(objects) <= most:
        return objects
    order = objects.sort_values("area_pixels", kind="stable")
    return order.iloc[np.linspace(0, len(order) - 1, most).round().astype(np.intp)]
