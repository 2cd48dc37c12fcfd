"""Which images a run uses and how they become slices."""

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, field_validator, model_validator

from medsize.config.model import Model
from medsize.config.structure_names import usable_labels, usable_structures


class SourceModel(Model):
    """What every source says of itself beside its settings."""

    title: ClassVar[str]
    """What reports call it."""
    modality: ClassVar[str | None] = None
    """DICOM's word for what made the images, where the source tells."""
    splits: ClassVar[tuple[str, ...]]
    """The kinds of split that suit it, the usual one first."""
    preprocessings: ClassVar[tuple[str, ...]] = ("photo",)
    """The ways to slices that suit it."""
    holds: ClassVar[str] = ""
    """What the folder ``--data-root`` names holds."""
    where: ClassVar[str | None] = None
    """Where to get it."""


class AcdcSource(SourceModel):
    """The ACDC layout ``patientNNN/{Info.cfg, patientNNN_frameFF.nii.gz, …_gt.nii.gz}``; the phantom writes it too."""

    title: ClassVar[str] = "a data set in the ACDC layout"
    modality: ClassVar[str | None] = "MR"
    groups: ClassVar[str] = "the patients of the ACDC layout"
    """What its images are grouped by."""
    splits: ClassVar[tuple[str, ...]] = ("patients", "paper")
    preprocessings: ClassVar[tuple[str, ...]] = ("paper", "physical")
    holds: ClassVar[str] = "the ACDC data set"
    where: ClassVar[str | None] = (
        "ACDC is at https://www.creatis.insa-lyon.fr/Challenge/acdc/; to try without data, "
        "'medsize data phantom FOLDER' writes a synthetic data set of the same layout"
    )

    kind: Literal["acdc"] = "acdc"
    root: Path | None = None
    """Folder of the data set; ``--data-root`` sets it."""


class ManifestSource(SourceModel):
    """The user's own volumes, listed in a CSV ``case,group,image,label,split,fold``."""

    title: ClassVar[str] = "images listed in a manifest"
    splits: ClassVar[tuple[str, ...]] = ("manifest",)
    preprocessings: ClassVar[tuple[str, ...]] = ("paper", "physical", "photo")

    kind: Literal["manifest"]
    path: Path
    """The manifest; the paths in it are relative to its own folder."""
    labels: dict[str, Annotated[int, Field(ge=1, le=254)]] = Field(min_length=1)
    """Structure name to its value in the label files; 0 is background. A value not listed here is an error."""

    _labels = field_validator("labels")(usable_labels)


class VocSource(SourceModel):
    """PASCAL VOC 2012: ``JPEGImages``, ``SegmentationClass``, ``SegmentationClassAug``, ``ImageSets``; 20 classes."""

    title: ClassVar[str] = "PASCAL VOC 2012"
    splits: ClassVar[tuple[str, ...]] = ("official", "holdout")
    holds: ClassVar[str] = "PASCAL VOC 2012"
    where: ClassVar[str | None] = "VOC is at http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"

    kind: Literal["voc"]
    root: Path | None = None
    """Folder ``VOC2012`` (or one above it); ``--data-root`` sets it."""
    train: Literal["trainaug", "train"] = "trainaug"
    """The training list: 10,582 images with masks in ``SegmentationClassAug``, or the 1,464 of VOC itself."""


class CocoSource(SourceModel):
    """COCO 2014 or 2017: ``annotations/instances_*.json`` and the folders of images beside; 80 classes."""

    title: ClassVar[str] = "COCO"
    splits: ClassVar[tuple[str, ...]] = ("official", "holdout")
    holds: ClassVar[str] = "COCO 2014 or 2017"
    where: ClassVar[str | None] = "COCO is at https://cocodataset.org/#download"

    kind: Literal["coco"]
    root: Path | None = None
    """Folder that holds ``annotations``; ``--data-root`` sets it."""
    year: Literal[2014, 2017] | None = None
    """Which of the two; may be left out where the folder holds one."""


class FolderSource(SourceModel):
    """A folder of images and a folder of masks, paired by their names without the suffix: photos, or volumes."""

    title: ClassVar[str] = "a folder of images and masks"
    splits: ClassVar[tuple[str, ...]] = ("holdout",)
    preprocessings: ClassVar[tuple[str, ...]] = ("paper", "physical", "photo")
    holds: ClassVar[str] = "a folder of images and a folder of masks"

    kind: Literal["folder"]
    root: Path | None = None
    """Folder that holds both; ``--data-root`` sets it."""
    images: str = "images"
    """Folder of the images, in ``root``."""
    masks: str = "masks"
    """Folder of the masks, in ``root``; an image without a mask has no label."""
    labels: dict[str, Annotated[int, Field(ge=1, le=255)]] = Field(default={"object": 255}, min_length=1)
    """Structure name to its value in the masks. Of photos, one structure of 255 means binary masks; else it is void."""

    _labels = field_validator("labels")(usable_labels)

    @model_validator(mode="after")
    def _void_is_no_structure(self) -> "FolderSource":
        if 255 in self.labels.values() and len(self.labels) > 1:
            raise ValueError("the value 255 means void where there are several structures")
        return self


Source = Annotated[
    AcdcSource | ManifestSource | VocSource | CocoSource | FolderSource,
    Field(discriminator="kind"),
]


DEFAULT_LAYOUT: Final = AcdcSource()
"""What a folder of cases is taken for where nothing says what it is."""


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


class OfficialSplit(Model):
    """The data set's own lists of training and validation images."""

    name: Literal["official"]


class HoldoutSplit(Model):
    """Images held out by chance, or by a list."""

    name: Literal["holdout"]
    count: int | None = Field(default=None, ge=1)
    """Hold out so many images; without it, one of ``folds`` equal parts."""
    folds: int = Field(default=5, ge=2)
    """Number of equal parts."""
    fold: int = Field(default=0, ge=0)
    """The part that is held out."""
    seed: int = Field(default=0, ge=0)
    """Of the order in which images are drawn; another than that of the training."""
    ids: Path | None = None
    """A text file with the names of the images to hold out, one a line; it alone decides."""

    @model_validator(mode="after")
    def _fold_is_one_of_them(self) -> "HoldoutSplit":
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} is none of the {self.folds} folds, which count from 0")
        return self


Split = Annotated[
    PatientsSplit | PaperSplit | ManifestSplit | OfficialSplit | HoldoutSplit,
    Field(discriminator="name"),
]


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


class PhotoPreprocessing(Model):
    """Photos (JPEG, PNG) as three colours of 8 bits; the network normalises them."""

    name: Literal["photo"]
    size: int = Field(default=512, ge=8, le=4096)
    """Side of the square that the network sees and the store holds, in pixels."""
    aspect: Literal["squeeze", "keep"] = "squeeze"
    """``squeeze`` fills the square (the papers' way); ``keep`` keeps proportions and pads what is left over."""
    void: Literal["ignored", "outside"] = "ignored"
    """Void pixels of masks (255) never are a class, nor count in sizes and scores; ``outside`` also takes them out of
    Ω, which lets the network know where borders are."""


Preprocessing = Annotated[
    PaperPreprocessing | PhysicalPreprocessing | PhotoPreprocessing,
    Field(discriminator="name"),
]


class DataConfig(Model):
    """The images, the structures to segment, the split and the way from volume to slices."""

    source: Source = DEFAULT_LAYOUT
    structures: tuple[str, ...] = Field(default=("lv",), min_length=1)
    """Names of the structures to segment, in class order (class 0 is the background); ``all`` means every one."""
    split: Split = PatientsSplit()
    preprocessing: Preprocessing = PaperPreprocessing()
    cache: Path | None = None
    """Folder of the slice stores; default ``$MEDSIZE_CACHE`` or ``~/.cache/medsize``."""

    _structures = field_validator("structures")(usable_structures)

    @property
    def channels(self) -> int:
        """Channels of an image: 3 of photos, 1 of volumes."""
        return 3 if self.preprocessing.name == "photo" else 1

    @model_validator(mode="after")
    def _parts_fit(self) -> "DataConfig":
        kind, split, preprocessing = self.source.kind, self.split.name, self.preprocessing.name
        splits, ways = self.source.splits, self.source.preprocessings
        if split not in splits:
            raise ValueError(
                f"split '{split}' does not belong to source '{kind}': it uses {' or '.join(map(repr, splits))}"
            )
        if preprocessing not in ways:
            raise ValueError(
                f"preprocessing '{preprocessing}' does not belong to source '{kind}': "
                f"it uses {' or '.join(map(repr, ways))}"
            )
        if isinstance(self.source, FolderSource) and preprocessing != "photo" and 255 in self.source.labels.values():
            raise ValueError(
                "data.source.labels: values of volumes are 1 to 254; only a photo's mask may have a structure of 255"
            )
        return self
