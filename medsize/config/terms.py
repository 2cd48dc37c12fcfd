"""The terms of an objective that are about pixels, images and the whole data set."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from medsize.config.mean_field import Engine, MeanFieldConfig
from medsize.config.model import Model

if TYPE_CHECKING:
    from torch import nn

Weight = Annotated[float, Field(gt=0)]


class PartialCrossEntropyTerm(Model):
    """Cross entropy on the seed pixels (P0 eq. 4)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    mean_over: Literal["pixels", "images"] = "pixels"
    """What weighs alike: all seed pixels of the batch, or all its images with seeds, the seeding loss of SEC (P2)."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import PartialCrossEntropyLoss

        return PartialCrossEntropyLoss(self.mean_over)


class CrossEntropyTerm(Model):
    """Cross entropy on the masks: full supervision."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import CrossEntropyLoss

        return CrossEntropyLoss()


class PseudoCrossEntropyTerm(Model):
    """Cross entropy on labels that follow from seeds and sizes: see ``supervision.pseudo_labels``."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    form: Literal["usual", "collision"] = "usual"
    """``collision`` forgives wrong labels: it is bounded where the network is sure of another class."""
    certainty: float = Field(default=0.9, gt=0.5, le=1)
    """Of ``collision``: how certain a label's class is; the others share the rest."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import CollisionCrossEntropyLoss, CrossEntropyLoss, TargetFrom

        if self.form == "collision":
            return CollisionCrossEntropyLoss(self.certainty)
        return TargetFrom("pseudo_label", CrossEntropyLoss())


class WeightedCrossEntropyTerm(Model):
    """Cross entropy on the masks with rare classes weighted up by effective number of samples (P0 eq. 5)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    counts: tuple[Annotated[float, Field(gt=0)], ...]
    """Samples (images, or pixels) of each class in the training set, background first."""
    beta: float = Field(default=0.99, ge=0, lt=1)
    """0 weighs all classes alike, near 1 by the inverse of their counts."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import WeightedCrossEntropyLoss

        return WeightedCrossEntropyLoss(self.counts, self.beta)


class FairnessTerm(Model):
    """Minus the entropy of the prediction averaged over the batch, which stands for the data set (P0 eq. 6)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import FairnessLoss

        return FairnessLoss()


class BalanceTerm(Model):
    """KL divergence of the prediction averaged over the batch and a given distribution of classes (P0 eq. 7)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    distribution: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    """The share of each class in the data set, background first, summing to 1."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> "BalanceTerm":
        if abs(sum(self.distribution) - 1) > 1e-3:
            raise ValueError(f"the shares must sum to 1, found {sum(self.distribution):g}")
        return self

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import BalanceLoss

        return BalanceLoss(self.distribution)


class SparseCRFTerm(Model):
    """Contrast-sensitive smoothness between neighbouring pixels (P3)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    sigma: float = Field(default=0.05, gt=0)
    """Contrast at which neighbours stop attracting, on intensities in [0, 1]."""
    form: Literal["absolute", "bilinear"] = "absolute"
    """``absolute`` as in P3, ``bilinear`` as the dense CRF of P0."""
    normalise: Literal["pairs", "none", "pixels", "affinity"] = "pairs"
    """Divide each image's sum by its pairs of neighbours (P3), nothing, its pixels, or the sum of its weights."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SparseCRFLoss

        return SparseCRFLoss(sigma=self.sigma, form=self.form, normalise=self.normalise)


class DenseCRFTerm(Model):
    """Pixels that are alike in place and intensity should be of one class, over all pairs of a slice (P0 eq. 3).

    The paper's energy is a sum over millions of pairs (``normalise: none``), so its weight is tiny, 2e-9 (times the
    batch size, by which its code divides twice), and right for one resolution only. The default, ``affinity``, is a
    share between 0 and 1 that weighs alike at every resolution. The default of ``sigma_intensity`` is the paper's, 15
    of 255: three equal channels at σ are one channel at σ/√3, and 15/255/√3 ≈ 0.034.
    """

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    sigma_space: float = Field(default=100.0, gt=0)
    """How far pixels are compared, in pixels of the slice."""
    sigma_intensity: float = Field(default=0.034, gt=0)
    """Contrast at which they stop attracting, on the one channel of intensities in [0, 1]."""
    normalise: Literal["none", "pixels", "affinity"] = "affinity"
    """Divide each slice's energy by nothing (the paper), by its pixels, or by the sum of all affinities."""
    half_resolution: bool = False
    """Compute it at half the resolution, as the authors do: faster."""
    engine: Engine = "auto"
    """``exact``, ``low_rank`` (approximate, in linear time), or ``auto``: exact on a GPU and for small slices."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import DenseCRFLoss

        return DenseCRFLoss(
            sigma_space=self.sigma_space,
            sigma_intensity=self.sigma_intensity,
            normalise=self.normalise,
            half_resolution=self.half_resolution,
            engine=self.engine,
        )


class ConstrainTerm(Model):
    """KL divergence of the prediction refined by a CRF and the prediction: constrain of SEC (P2 eq. 5)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    through_crf: bool = False
    """Whether the gradient also runs through the refinement, as P2 says; its code holds it constant."""
    scale_down: int = Field(default=1, ge=1)
    """Compute it at so many times less resolution, 8 in P2; lengths in ``crf`` are in pixels of that."""
    crf: MeanFieldConfig = MeanFieldConfig()

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import ConstrainLoss

        return ConstrainLoss(self.crf.build(), through_crf=self.through_crf, scale_down=self.scale_down)


class SizeWeightedCrossEntropyTerm(Model):
    """Cross entropy on the masks in which small components of a class count like large ones (P4 eq. 4)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    limit: float = Field(default=5.0, ge=1)
    """The largest weight of a pixel."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SizeWeightedCrossEntropyLoss

        return SizeWeightedCrossEntropyLoss(self.limit)


class ExpandTerm(Model):
    """Rank-pooled scores of the classes present up, of those absent down: expand of SEC (P2 eq. 4)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    decay_present: float = Field(default=0.996, ge=0, le=1)
    """Decay of the weights over the ranked pixels, for classes present; 0 is the maximum, 1 the mean."""
    decay_absent: float = Field(default=0.0, ge=0, le=1)
    """The same for absent classes."""
    decay_background: float = Field(default=0.999, ge=0, le=1)
    """The same for the background."""
    reference_pixels: int | None = Field(default=1681, gt=0)
    """Pixels of the image that the decays are meant for; at other sizes they are adapted. ``null``: as they are."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import ExpandLoss

        return ExpandLoss(self.decay_present, self.decay_absent, self.decay_background, self.reference_pixels)


class VolumetricTerm(Model):
    """Prior on the size of the object in images that show it (P3 eq. 4); its numbers are for photos of one object."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    mean: float = Field(default=0.5, gt=0, lt=1)
    """Mean size of the object in a batch, a fraction of the image: 0.0135 for the left ventricle in ACDC."""
    minimum: float = Field(default=0.15, gt=0, lt=1)
    """Size below which an object is too small, a fraction of the image."""
    small_weight: float = Field(default=5.0, gt=0)
    """Weight of the penalty on objects that are too small."""
    small_objects: Literal["sum", "mean"] = "sum"
    """That penalty's ``sum`` over the images of a batch (the paper) or its ``mean`` (the authors' code)."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import VolumetricLoss

        return VolumetricLoss(self.mean, self.minimum, self.small_weight, self.small_objects)


class PositionalTerm(Model):
    """Prior on the place of the object in images that show it: off the border, at the centre (P3 eq. 5)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    border_width: int = Field(default=3, ge=1)
    """Pixels from the outside that should not be object."""
    centre_side: int = Field(default=3, ge=1)
    """Pixels along each side of the box at the centre that should be."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import PositionalLoss

        return PositionalLoss(self.border_width, self.centre_side)


class NegativeTerm(Model):
    """Squared size of the object in images that do not show it (P3 eq. 7)."""

    weight: Weight = 2.0
    """Factor of the term in the sum; 2 is the paper's."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import NegativeLoss

        return NegativeLoss()
