"""The terms of an objective: each is the loss that it names, its weight, and its settings.

A term's fields have the names and the defaults of its loss's arguments, so that one line builds any of them.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from medsize.config.mean_field import Engine, MeanFieldConfig
from medsize.config.model import Model

if TYPE_CHECKING:
    from torch import nn

Weight = Annotated[float, Field(gt=0)]


class Term(Model):
    """A loss with its weight in the sum."""

    loss: ClassVar[str]
    """Its class in :mod:`medsize.losses`, which needs torch: asking a configuration for its keys does not."""
    title: ClassVar[str | None] = None
    """What people call it, where that is not its key in words."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def settings(self) -> dict[str, Any]:
        """Return the arguments of the loss."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "weight"}

    def build(self, **more: Any) -> "nn.Module":
        """Return the loss.

        Args:
            more: Arguments that are not the configuration's to say.
        """
        from medsize import losses

        built: nn.Module = getattr(losses, self.loss)(**self.settings(), **more)
        return built

    @property
    def target(self) -> str:
        """The entry of a batch that it needs."""
        return str(self.build().target)


class SizeTerm(Term):
    """A term about sizes, of slices or of whole volumes: what it is told comes at the supervision's level."""


class PartialCrossEntropyTerm(Term):
    """Cross entropy on the seed pixels (P0 eq. 4)."""

    loss: ClassVar[str] = "PartialCrossEntropyLoss"

    mean_over: Literal["pixels", "images"] = "pixels"
    """What weighs alike: all seed pixels of the batch, or all its images with seeds, the seeding loss of SEC (P2)."""


class CrossEntropyTerm(Term):
    """Cross entropy on the masks: full supervision."""

    loss: ClassVar[str] = "CrossEntropyLoss"


class PseudoCrossEntropyTerm(Term):
    """Cross entropy on labels that follow from seeds and sizes: see ``supervision.pseudo_labels``."""

    loss: ClassVar[str] = "CollisionCrossEntropyLoss"

    form: Literal["usual", "collision"] = "usual"
    """``collision`` forgives wrong labels: it is bounded where the network is sure of another class."""
    certainty: float = Field(default=0.9, gt=0.5, le=1)
    """Of ``collision``: how certain a label's class is; the others share the rest."""

    def settings(self) -> dict[str, Any]:
        """Return the arguments of the loss."""
        return {"certainty": self.certainty}

    def build(self, **more: Any) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import CrossEntropyLoss, TargetFrom

        return super().build(**more) if self.form == "collision" else TargetFrom("pseudo_label", CrossEntropyLoss())


class WeightedCrossEntropyTerm(Term):
    """Cross entropy on the masks with rare classes weighted up by effective number of samples (P0 eq. 5)."""

    loss: ClassVar[str] = "WeightedCrossEntropyLoss"

    counts: tuple[Annotated[float, Field(gt=0)], ...]
    """Samples (images, or pixels) of each class in the training set, background first."""
    beta: float = Field(default=0.99, ge=0, lt=1)
    """0 weighs all classes alike, near 1 by the inverse of their counts."""


class FairnessTerm(Term):
    """Minus the entropy of the prediction averaged over the batch, which stands for the data set (P0 eq. 6)."""

    loss: ClassVar[str] = "FairnessLoss"


class BalanceTerm(Term):
    """KL divergence of the prediction averaged over the batch and a given distribution of classes (P0 eq. 7)."""

    loss: ClassVar[str] = "BalanceLoss"

    distribution: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    """The share of each class in the data set, background first, summing to 1."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> "BalanceTerm":
        if abs(sum(self.distribution) - 1) > 1e-3:
            raise ValueError(f"the shares must sum to 1, found {sum(self.distribution):g}")
        return self


class SparseCRFTerm(Term):
    """Contrast-sensitive smoothness between neighbouring pixels (P3)."""

    loss: ClassVar[str] = "SparseCRFLoss"
    title: ClassVar[str | None] = "sparse CRF"

    sigma: float = Field(default=0.05, gt=0)
    """Contrast at which neighbours stop attracting, on intensities in [0, 1]."""
    form: Literal["absolute", "bilinear"] = "absolute"
    """``absolute`` as in P3, ``bilinear`` as the dense CRF of P0."""
    normalise: Literal["pairs", "none", "pixels", "affinity"] = "pairs"
    """Divide each image's sum by its pairs of neighbours (P3), nothing, its pixels, or the sum of its weights."""


class DenseCRFTerm(Term):
    """Pixels that are alike in place and intensity should be of one class, over all pairs of a slice (P0 eq. 3).

    The paper's energy is a sum over millions of pairs (``normalise: none``), so its weight is tiny, 2e-9 (times the
    batch size, by which its code divides twice), and right for one resolution only. The default, ``affinity``, is a
    share between 0 and 1 that weighs alike at every resolution. The default of ``sigma_intensity`` is the paper's, 15
    of 255: three equal channels at σ are one channel at σ/√3, and 15/255/√3 ≈ 0.034.
    """

    loss: ClassVar[str] = "DenseCRFLoss"
    title: ClassVar[str | None] = "dense CRF"

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


class ConstrainTerm(Term):
    """KL divergence of the prediction refined by a CRF and the prediction: constrain of SEC (P2 eq. 5)."""

    loss: ClassVar[str] = "ConstrainLoss"
    title: ClassVar[str | None] = "SEC's constrain"

    through_crf: bool = False
    """Whether the gradient also runs through the refinement, as P2 says; its code holds it constant."""
    scale_down: int = Field(default=1, ge=1)
    """Compute it at so many times less resolution, 8 in P2; lengths in ``crf`` are in pixels of that."""
    crf: MeanFieldConfig = MeanFieldConfig()

    def settings(self) -> dict[str, Any]:
        """Return the arguments of the loss, for which the CRF is a function that refines."""
        settings = super().settings()
        refine = settings.pop("crf").build()
        return settings | {"refine": refine}


class SizeWeightedCrossEntropyTerm(Term):
    """Cross entropy on the masks in which small components of a class count like large ones (P4 eq. 4)."""

    loss: ClassVar[str] = "SizeWeightedCrossEntropyLoss"
    title: ClassVar[str | None] = "size-weighted cross entropy"

    limit: float = Field(default=5.0, ge=1)
    """The largest weight of a pixel."""


class ExpandTerm(Term):
    """Rank-pooled scores of the classes present up, of those absent down: expand of SEC (P2 eq. 4)."""

    loss: ClassVar[str] = "ExpandLoss"
    title: ClassVar[str | None] = "SEC's expand"

    decay_present: float = Field(default=0.996, ge=0, le=1)
    """Decay of the weights over the ranked pixels, for classes present; 0 is the maximum, 1 the mean."""
    decay_absent: float = Field(default=0.0, ge=0, le=1)
    """The same for absent classes."""
    decay_background: float = Field(default=0.999, ge=0, le=1)
    """The same for the background."""
    reference_pixels: int | None = Field(default=1681, gt=0)
    """Pixels of the image that the decays are meant for; at other sizes they are adapted. ``null``: as they are."""


class VolumetricTerm(Term):
    """Prior on the size of the object in images that show it (P3 eq. 4); its numbers are for photos of one object."""

    loss: ClassVar[str] = "VolumetricLoss"

    mean: float = Field(default=0.5, gt=0, lt=1)
    """Mean size of the object in a batch, a fraction of the image: 0.0135 for the left ventricle in ACDC."""
    minimum: float = Field(default=0.15, gt=0, lt=1)
    """Size below which an object is too small, a fraction of the image."""
    small_weight: float = Field(default=5.0, gt=0)
    """Weight of the penalty on objects that are too small."""
    small_objects: Literal["sum", "mean"] = "sum"
    """That penalty's ``sum`` over the images of a batch (the paper) or its ``mean`` (the authors' code)."""


class PositionalTerm(Term):
    """Prior on the place of the object in images that show it: off the border, at the centre (P3 eq. 5)."""

    loss: ClassVar[str] = "PositionalLoss"

    border_width: int = Field(default=3, ge=1)
    """Pixels from the outside that should not be object."""
    centre_side: int = Field(default=3, ge=1)
    """Pixels along each side of the box at the centre that should be."""


class NegativeTerm(Term):
    """Squared size of the object in images that do not show it (P3 eq. 7)."""

    loss: ClassVar[str] = "NegativeLoss"

    weight: Weight = 2.0
    """Factor of the term in the sum; 2 is the paper's."""


class SizeTargetTerm(SizeTerm):
    """KL divergence of the size target and the average prediction (P0 eq. 2, 7)."""

    loss: ClassVar[str] = "SizeTargetLoss"

    direction: Literal["forward", "reverse"] = "forward"
    """``forward`` is the method; ``reverse`` exists for the ablation."""
    scale: Literal["none", "entropy", "object"] = "none"
    """Divide each image's KL by its target's entropy, or by its object fraction, so that small objects count alike."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is compared; below 1 the size of the mask itself comes to meet the target."""


class SizeBoundsTerm(SizeTerm):
    """KL divergence of the average prediction and the nearest sizes within bounds: flat between them."""

    loss: ClassVar[str] = "SizeBoundsLoss"

    scale: Literal["none", "entropy", "object"] = "none"
    """Divide each image's KL so that small objects count alike, as for ``size_target``."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is bounded, as for ``size_target``."""


class QuadraticBarrierTerm(SizeTerm):
    """Thresholded quadratic size barrier (P0 eq. 17)."""

    loss: ClassVar[str] = "QuadraticBarrierLoss"

    scale: Literal["pixels", "fraction"] = "pixels"
    """``pixels``: times 0.01·|Ω|, the size-constraint authors' weight; ``fraction``: the equation as printed."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is bounded, as for ``size_target``."""


class LogBarrierExtensionTerm(SizeTerm):
    """Log-barrier extension on size bounds (Kervadec et al. 2019), harder from epoch to epoch."""

    loss: ClassVar[str] = "LogBarrierExtensionLoss"
    title: ClassVar[str | None] = "log-barrier extension"

    t0: float = Field(default=5.0, gt=0)
    """Hardness in the first epoch; for ``scale: fraction``, 100 or so."""
    growth: float = Field(default=1.1, ge=1)
    """Factor of the hardness from one epoch to the next."""
    scale: Literal["pixels", "fraction"] = "pixels"
    """``pixels``: the authors', 0.01/|Ω| times the barrier on pixel counts; ``fraction``: the barrier on fractions."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is bounded, as for ``size_target``."""


class LogBarrierTerm(SizeTerm):
    """Log barrier, or expansion: −ln of the average prediction of each present class (P0 eq. 9)."""

    loss: ClassVar[str] = "LogBarrierLoss"


class FlatLogBarrierTerm(SizeTerm):
    """Log barrier that is flat outside its threshold (P0 eq. 11)."""

    loss: ClassVar[str] = "FlatLogBarrierLoss"

    epsilon: float = Field(gt=0, le=1)
    """The threshold, a fraction of the image."""


class SuppressionTerm(SizeTerm):
    """−ln(1 − average prediction) of each absent class (P0 eq. 8)."""

    loss: ClassVar[str] = "SuppressionLoss"
