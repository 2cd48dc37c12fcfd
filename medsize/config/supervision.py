"""What a run is taught from: seeds, sizes and bounds."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from medsize.config.model import Model


class ErosionSeeds(Model):
    """The core left after eroding each structure's mask as often as it survives (at most ``iterations`` times)."""

    words: ClassVar[str] = "seeds from eroded masks"
    """What a report says of them; likewise below."""
    kind: Literal["erosion"] = "erosion"
    iterations: int = Field(default=10, ge=1, le=1000)
    """Most erosions that are tried."""


class RandomSeeds(Model):
    """A disc of ``radius_px`` around a random pixel of each structure, clipped to it."""

    words: ClassVar[str] = "a seed disc at a random place of each structure"

    kind: Literal["random"]
    radius_px: float = Field(default=2.5, gt=0)
    """Radius of the disc, in pixels of the slice."""


class CentroidSeeds(Model):
    """A disc of ``radius_px`` around the structure's pixel nearest to its centroid, clipped to it."""

    words: ClassVar[str] = "a seed disc at the middle of each structure"

    kind: Literal["centroid"]
    radius_px: float = Field(default=2.5, gt=0)
    """Radius of the disc, in pixels of the slice."""


class ScribbleSeeds(Model):
    """Scribbles drawn by people, one file a case, on the label's grid, or as lines in XML (ScribbleSup's format)."""

    words: ClassVar[str] = "scribbles"

    kind: Literal["scribble"]
    folder: Path
    """Folder with ``<case id>_scribble.nii.gz``, ``<case id>.xml`` or ``<case id>.png`` for every training case."""
    unlabelled: int = Field(default=4, ge=0, le=255)
    """The value that means 'not annotated'; in a PNG it is 255."""
    width_px: int = Field(default=3, ge=1)
    """Width of the lines of an XML file, in pixels of the slice."""


class CueSeeds(Model):
    """Cues that a network trained on tags gives (P2), as ``medsize seeds cues`` writes them."""

    words: ClassVar[str] = "cues of a network trained on tags"

    kind: Literal["cues"]
    folder: Path
    """Folder with ``<case id>.npz`` for every training case."""


class FullSeeds(Model):
    """The whole mask of each structure (not of the background)."""

    words: ClassVar[str] = "seeds that cover each structure"

    kind: Literal["full"]


class NoSeeds(Model):
    """Nothing is said of any pixel: sizes alone, the image, and what the network makes of them."""

    words: ClassVar[str] = ""

    kind: Literal["none"]


class LengthRatioSeeds(Model):
    """Part of the structure's mask: 0 is one pixel per object, 1 the whole mask (P0 Fig. 4)."""

    words: ClassVar[str] = "seeds of a set part of each structure"

    kind: Literal["length_ratio"]
    ratio: float = Field(ge=0, le=1)
    """From 0, one pixel, to 1, the mask."""


Seeds = Annotated[
    ErosionSeeds | RandomSeeds | CentroidSeeds | ScribbleSeeds | CueSeeds | FullSeeds | LengthRatioSeeds | NoSeeds,
    Field(discriminator="kind"),
]


class ExactSizes(Model):
    """The size measured on the mask."""

    words: ClassVar[str] = "exact sizes"

    kind: Literal["exact"] = "exact"


class NoisySizes(Model):
    """The exact size times (1 + ε), renormalised (P0 eq. 15, 16)."""

    words: ClassVar[str] = "sizes with random errors"

    kind: Literal["noisy"]
    noise: float = Field(ge=0, le=10)
    """Nominal mean relative error, e.g. 0.08; ε has standard deviation noise·√(π/2)."""
    noise_on: Literal["all", "foreground"] = "all"
    """``all`` draws ε for the background too, as the equation is written."""


class MeanSizes(Model):
    """One fixed size for every slice (or volume) that holds the structure."""

    words: ClassVar[str] = "one fixed size for every {level}"

    kind: Literal["mean"]


class TableSizes(Model):
    """Sizes from a table that people filled in (``--sizes``)."""

    words: ClassVar[str] = "sizes from a table"

    kind: Literal["table"]
    path: Path
    """The table: of slices, of whole cases, or of both."""


Sizes = Annotated[ExactSizes | NoisySizes | MeanSizes | TableSizes, Field(discriminator="kind")]


class CommonBounds(Model):
    """The same lower and upper bound for every slice (or volume) that holds the structure."""

    kind: Literal["common"] = "common"
    lower: float = Field(default=60 / 65536, ge=0, le=1)
    """Fraction of the image; the size-constraint authors' 60 of 256² pixels."""
    upper: float = Field(default=2000 / 65536, ge=0, le=1)
    """Fraction of the image; the size-constraint authors' 2,000 of 256² pixels."""

    @model_validator(mode="after")
    def _ordered(self) -> "CommonBounds":
        if self.lower > self.upper:
            raise ValueError(f"lower bound {self.lower} is above upper bound {self.upper}")
        return self


class IndividualBounds(Model):
    """Bounds around each slice's (or volume's) own size."""

    kind: Literal["individual"]
    tolerance: float = Field(default=0.10, ge=0, le=1)
    """0.10 is ±10 % of the size."""


class TableBounds(Model):
    """The ranges that the size table gives (``low`` and ``high``, or what several raters span)."""

    kind: Literal["table"]
    tolerance: float | None = Field(default=None, ge=0, le=1)
    """A value without a range is one of ± this: 0 makes it a target. ``null`` leaves it to ``size_target``."""


Bounds = Annotated[CommonBounds | IndividualBounds | TableBounds, Field(discriminator="kind")]


class SettledByIntensity(Model):
    """Pixels around a size, given the class that their place and their intensity speak for, so that sizes are met."""

    place: float = Field(default=10.0, ge=0)
    """How many nats of an intensity's log-likelihood a radius of the structure outweighs."""


class PseudoLabels(Model):
    """Labels grown from the seeds to the sizes, for ``objective.pseudo_cross_entropy``."""

    by: Literal["distance", "geodesic"] = "distance"
    """Straight from the seeds, or around edges of the image rather than over them."""
    tolerance: float = Field(default=0.2, ge=0, le=1)
    """A size is one of ± this, and pixels between stay undecided; ranges that people gave are used as they are."""
    contrast: float = Field(default=10.0, ge=0)
    """Of ``geodesic``: how many radii of the structure a change from black to white on the way counts as."""
    settle: SettledByIntensity | None = None
    """How pixels between are given a class; ``null`` leaves them undecided."""


class SupervisionConfig(Model):
    """What the objective's terms are given; only what a term needs is ever made."""

    seeds: Seeds = ErosionSeeds()
    sizes: Sizes = ExactSizes()
    bounds: Bounds = CommonBounds()
    pseudo_labels: PseudoLabels = PseudoLabels()
    level: Literal["slice", "volume", "both"] | None = None
    """What sizes are about: slices, cases, or a table's rows of both. Left out, the table says it; else ``slice``."""

    @model_validator(mode="after")
    def _fits_the_sizes(self) -> "SupervisionConfig":
        if self.sizes.kind == "table":
            return self
        if self.bounds.kind == "table":
            raise ValueError(f"bounds of kind 'table' need sizes of kind 'table', found '{self.sizes.kind}'")
        if self.level == "both":
            raise ValueError(f"level 'both' needs sizes of kind 'table', found '{self.sizes.kind}'")
        if self.level is None:
            object.__setattr__(self, "level", "slice")  # the model is frozen for everybody else
        return self
