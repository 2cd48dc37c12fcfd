"""One image of a data set."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """One image (a volume or a photo) and what is known about it.

    Attributes:
        id: Unique name, e.g. ``patient001_frame01``.
        group: What must stay together in a split, e.g. the patient.
        image: The image file (or the folder of a DICOM series).
        label: The label file on the image's grid, if there is one.
        frame: Frame number of a cine series, if any.
        phase: ``ED`` or ``ES`` if known.
        pathology: Group of the disease, if known.
        split: ``train``, ``val``, ``test`` or empty while undecided.
        fold: Fold in which the case is held out, if any.
        instances: Of a photo the map of the objects in its label, if there is one: a PNG of their numbers.
    """

    id: str
    group: str
    image: Path
    label: Path | None = None
    frame: int | None = None
    phase: str | None = None
    pathology: str | None = None
    split: str = ""
    fold: int | None = None
    instances: Path | None = None
