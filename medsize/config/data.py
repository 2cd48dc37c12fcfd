"""Which images a run uses and how they become slices."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medsize.config.model import Model


class AcdcSource(Model):
    """The ACDC layout ``patientNNN/{Info.cfg, patientNNN_frameFF.nii.gz, …_gt.nii.gz}``; the phantom writes it too."""

    kind: Literal["acdc"] = "acdc"
    root: Path | None = None
    """Folder of the data set; ``--data-root`` sets it."""


class ManifestSource(Model):
    """The user's own volumes, listed in a CSV ``case,group,image,label,split,fold``."""

    kind: Literal["manifest"]
    path: Path
    """The manifest; the paths in it are relative to its own folder."""
    labels: dict[str, Annotated[int, Field(ge=1, le=254)]] = Field(min_length=1)
    """Structure name to its value in the label files; 0 is background. A value not listed here is an error."""


Source = Annotated[AcdcSource | ManifestSource, Field(discriminator="kind")]


class PatientsSplit(Model):
    """Five folds of whole patients, stratified by pathology group; ``fold`` is held out."""

    name: Literal["patients"] = "patients"
    fold: int = Field(default=0, ge=0, le=4)
    """The fold that is held out."""


class PaperSplit(Model):
    """The split of the size-constraint authors (175 scans train, 25 validate). It leaks: patients are on both sides."""

    name: Literal["paper"]


class ManifestSplit(Model):
    """The manifest's own columns: ``split`` as written, or ``fold`` held out."""

    name: Literal["manifest"]
    fold: int | None = Field(default=None, ge=0)
    """Hold out this fold; without it, the column ``split`` (train, val, test) decides."""


Split = Annotated[PatientsSplit | PaperSplit | ManifestSplit, Field(discriminator="name")]


class PaperPreprocessing(Model):
    """Min-max per volume, then each slice resized to a square whatever its aspect ratio (the papers' way)."""

    name: Literal["paper"] = "paper"
    size: int = Field(default=256, ge=8, le=4096)
    """Side of the square, in pixels."""


class PhysicalPreprocessing(Model):
    """Min-max per volume, then resampled in-plane to a fixed spacing and centre-cropped or padded to a square."""

    name: Literal["physical"]
    size: int = Field(default=128, ge=8, le=4096)
    """Side of the square, in pixels."""
    spacing_mm: float = Field(default=1.5, gt=0, le=100)
    """In-plane pixel spacing, in mm."""


Preprocessing = Annotated[PaperPreprocessing | PhysicalPreprocessing, Field(discriminator="name")]


class DataConfig(Model):
    """The images, the structures to segment, the split and the way from volume to slices."""

    source: Source = AcdcSource()
    structures: tuple[str, ...] = Field(default=("lv",), min_length=1)
    """Names of the structures to segment, in class order (class 0 is the background); ``all`` means every one."""
    split: Split = PatientsSplit()
    preprocessing: Preprocessing = PaperPreprocessing()
    cache: Path | None = None
    """Folder of the slice stores; default ``$MEDSIZE_CACHE`` or ``~/.cache/medsize``."""

    @model_validator(mode="after")
    def _split_fits_source(self) -> "DataConfig":
        if (self.source.kind == "manifest") != (self.split.name == "manifest"):
            raise ValueError(
                f"split '{self.split.name}' does not belong to source '{self.source.kind}': "
                "a manifest uses the split 'manifest', ACDC uses 'patients' or 'paper'"
            )
        return self
