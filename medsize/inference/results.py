"""What is written for one image: labels, probabilities and a picture, on its grid and in its format."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsize.data.dicom_seg import write_dicom_seg
from medsize.data.dicom_series import DicomSeries
from medsize.data.grid_files import write_label, write_on_grid
from medsize.data.inputs import Image
from medsize.data.volumes import Volume
from medsize.inference.colours import colours
from medsize.inference.jobs import Job
from medsize.inference.pictures import write_picture


@dataclass(frozen=True, slots=True)
class Segmented:
    """An image with what was found in it.

    Attributes:
        frames: The image, one volume a time frame.
        classes: Numbers of the classes on the same grid.
        probabilities: (K - 1, X, Y, Z) of each time frame, if asked for.
    """

    frames: list[Volume]
    classes: list[NDArray[np.uint8]]
    probabilities: list[NDArray[np.float32]] | None


def write_results(
    job: Job,
    segmented: Segmented,
    labels: list[NDArray[np.uint8]],
    values: Mapping[str, int],
    *,
    picture: bool,
) -> None:
    """Write all of a job, its labels last: where they are, the rest is too.

    Args:
        job: What to write where.
        segmented: What was found.
        labels: The same as values of label files, one array a time frame.
        values: Structure to value, in class order.
        picture: Whether to write ``pictures/<name>.png``.

    Raises:
        InputError: A place cannot be written to.
    """
    like = _like(job.image, segmented.frames)
    if segmented.probabilities is not None:
        for number, name in enumerate(values):
            of_structure = _joined([frame[number] for frame in segmented.probabilities])
            write_on_grid(job.probability(name), of_structure, like=like)
    if picture:
        write_picture(job.picture, *_across(segmented.frames, labels), colours(values))
    if job.suffix == ".dcm":
        assert isinstance(job.image.source, DicomSeries)
        write_dicom_seg(job.output, labels[0], like=job.image.source, structures=values)
    else:
        write_label(job.output, _joined(list(labels)), like=like)


def _across(frames: list[Volume], labels: list[NDArray[np.uint8]]) -> tuple[list[Volume], list[NDArray[np.uint8]]]:
    """Return frames and labels with X to the right, where pictures have it; of photos it is down."""
    if frames[0].colours is None:
        return frames, labels
    turned = [replace(frame, array=frame.array.swapaxes(0, 1)) for frame in frames]
    return turned, [label.swapaxes(0, 1) for label in labels]


def _like(image: Image, frames: list[Volume]) -> Path | Volume:
    return frames[0] if isinstance(image.source, DicomSeries) else image.source


def _joined(frames: list[NDArray[Any]]) -> NDArray[Any]:
    return frames[0] if len(frames) == 1 else np.stack(frames, axis=-1)
