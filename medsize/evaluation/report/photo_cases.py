"""The worst, median and best held-out photos with their classes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medsize.config.run import RunConfig
from medsize.data.case import Case
from medsize.data.volumes import read_label, read_volume
from medsize.evaluation.label_pair import label_of
from medsize.evaluation.report.photo_panels import PhotoPanel, draw_photo
from medsize.evaluation.seal import sealed
from medsize.inference.colours import Colour, colours
from medsize.inference.label_values import label_values, to_classes
from medsize.metrics.confusion import VOID
from medsize.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class ShownClass:
    """A class in a photo.

    Attributes:
        name: Its name.
        colour: That it is drawn in.
        figure: Its IoU in this photo, or the F-measure of a single structure.
        about: Whether it is ``missed`` altogether, or ``invented``; else nothing.
    """

    name: str
    colour: Colour
    figure: float
    about: str


@dataclass(frozen=True, slots=True)
class ShownPhoto:
    """A held-out photo as the report shows it.

    Attributes:
        case: Its id.
        figure: What it was ranked by.
        classes: Those that its label or its prediction holds.
        panel: The photo.
        has_void: Whether the label has void pixels.
    """

    case: str
    figure: float
    classes: tuple[ShownClass, ...]
    panel: PhotoPanel
    has_void: bool


def show_photo(
    run: RunFolder, config: RunConfig, case: Case, values: Mapping[str, int], rows: pd.DataFrame, measure: str
) -> ShownPhoto:
    """Draw one photo.

    Args:
        run: The run, for the prediction of its checkpoint ``last``.
        config: Its configuration.
        case: The photo; it has a label.
        values: Structure to its value in the mask files, in class order.
        rows: The photo's rows of ``metrics.csv``.
        measure: What photos are ranked by, and classes figured.

    Raises:
        InputError: The photo, its label or its prediction cannot be read any more.
    """
    image = read_volume(case.image)
    assert image.colours is not None
    labels = label_values(config.data)
    found = read_label(label_of(case), image, tuple(labels.values())).array[:, :, 0]
    is_void = (found == VOID) & (VOID not in labels.values())
    truth = np.where(is_void, np.uint8(VOID), to_classes(found, values))
    prediction = sealed(run.report, run.prediction("last", case.id, case.image))
    predicted = to_classes(read_label(prediction, image, tuple(values.values())).array[:, :, 0], values)
    chosen = colours(values)
    shown = [
        ShownClass(
            row["structure"],
            chosen[values[row["structure"]]],
            float(row[measure]),
            "missed" if not row["voxels_predicted"] else "invented" if not row["voxels_true"] else "",
        )
        for row in rows.sort_values("voxels_true", ascending=False, kind="stable").to_dict("records")
    ]
    return ShownPhoto(
        case=case.id,
        figure=float(rows[measure].mean()),
        classes=tuple(shown),
        panel=draw_photo(image.colours, truth, predicted, [chosen[value] for value in values.values()]),
        has_void=bool(is_void.any()),
    )
