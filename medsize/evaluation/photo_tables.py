"""From the scores of photos to the tables of an evaluation."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.evaluation.photo_scores import (
    BACKGROUND,
    CONFUSION_COLUMNS,
    INSTANCE_COLUMNS,
    PHOTO_COLUMNS,
    PhotoScore,
)
from medsize.evaluation.scored_case import ScoredCase
from medsize.metrics.measures import PHOTO_MEASURES, Pair


def tabulate_photos(
    scored: Iterable[ScoredCase[PhotoScore]], checkpoints: Sequence[str], structures: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return ``metrics``, ``instances`` and ``confusion``, the checkpoints in the order given and photos as they come.

    A photo has a row for the background and for each structure that its label or its prediction holds, no more: of 81
    classes it holds a few.
    """
    names = [BACKGROUND, *structures]
    metrics: list[dict[str, object]] = []
    instances: list[pd.DataFrame] = []
    totals: dict[tuple[str, str], NDArray[np.int64]] = {}
    for each in sorted(scored, key=lambda each: checkpoints.index(each.checkpoint)):
        about = {"checkpoint": each.checkpoint, "split": each.case.split, "case": each.case.id}
        matrix = each.score.matrix(len(names))
        metrics += [{**about, **row, "failure": each.failure} for row in _rows(matrix, names, each.case.group)]
        total = totals.setdefault((each.checkpoint, each.case.split), np.zeros((2, *matrix.shape), np.int64))
        total += np.stack([matrix, matrix > 0])
        found = each.score.instances
        table = {"structure": np.take(names, found.classes), "area_pixels": found.areas, "iou": found.ious}
        instances.append(pd.DataFrame({**about, **table}, columns=list(INSTANCE_COLUMNS)))
    return {
        "metrics": pd.DataFrame(metrics, columns=list(PHOTO_COLUMNS)),
        "instances": pd.concat(instances, ignore_index=True)
        if instances
        else pd.DataFrame(columns=list(INSTANCE_COLUMNS)),
        "confusion": _confusion(totals, names),
    }


def _rows(matrix: NDArray[np.int64], names: Sequence[str], group: str) -> list[dict[str, object]]:
    rows = []
    for number, name in enumerate(names):
        pair = Pair(matrix[number, number], matrix[:, number], matrix[number])
        overlap, predicted, true = pair.counts
        if number == 0 or predicted + true:
            rows.append(
                {
                    "group": group,
                    "structure": name,
                    **{measure: about.compute(pair) for measure, about in PHOTO_MEASURES.items()},
                    "voxels_predicted": predicted,
                    "voxels_true": true,
                    "voxels_overlap": overlap,
                    "voxels": int(matrix.sum()),
                }
            )
    return rows


def _confusion(totals: dict[tuple[str, str], NDArray[np.int64]], names: Sequence[str]) -> pd.DataFrame:
    rows = [
        (checkpoint, split, names[true], names[predicted], int(pixels[true, predicted]), int(images[true, predicted]))
        for (checkpoint, split), (pixels, images) in totals.items()
        for true, predicted in np.argwhere(pixels).tolist()
    ]
    return pd.DataFrame(rows, columns=list(CONFUSION_COLUMNS))
