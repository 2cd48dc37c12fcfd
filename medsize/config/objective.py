"""What a run minimises: named terms and their weights."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from medsize.config.model import Model

if TYPE_CHECKING:
    from torch import nn

    from medsize.losses import Objective

Weight = Annotated[float, Field(gt=0)]


class PartialCrossEntropyTerm(Model):
    """Cross entropy on the seed pixels (P0 eq. 4)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import PartialCrossEntropyLoss

        return PartialCrossEntropyLoss()


class CrossEntropyTerm(Model):
    """Cross entropy on the masks: full supervision, the only term that reads labels."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import CrossEntropyLoss

        return CrossEntropyLoss()


class SizeTargetTerm(Model):
    """KL divergence of the size target and the average prediction (P0 eq. 2, 7)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    direction: Literal["forward", "reverse"] = "forward"
    """``forward`` is the method; ``reverse`` exists for the ablation."""
    scale: Literal["none", "entropy", "object"] = "none"
    """Divide each image's KL by its target's entropy, or by its object fraction, so that small objects count alike."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is compared; below 1 the size of the mask itself comes to meet the target."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SizeTargetLoss

        return SizeTargetLoss(direction=self.direction, scale=self.scale, temperature=self.temperature)


class QuadraticBarrierTerm(Model):
    """Thresholded quadratic size barrier (P0 eq. 17)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    scale: Literal["pixels", "fraction"] = "pixels"
    """``pixels``: times 0.01·|Ω|, the size-constraint authors' weight; ``fraction``: the equation as printed."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is bounded, as for ``size_target``."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import QuadraticBarrierLoss

        return QuadraticBarrierLoss(scale=self.scale, temperature=self.temperature)


class LogBarrierTerm(Model):
    """Log barrier, or expansion: −ln of the average prediction of each present class (P0 eq. 9)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import LogBarrierLoss

        return LogBarrierLoss()


class FlatLogBarrierTerm(Model):
    """Log barrier that is flat outside its threshold (P0 eq. 11)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    epsilon: float = Field(gt=0, le=1)
    """The threshold, a fraction of the image."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import FlatLogBarrierLoss

        return FlatLogBarrierLoss(epsilon=self.epsilon)


class SuppressionTerm(Model):
    """−ln(1 − average prediction) of each absent class (P0 eq. 8)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SuppressionLoss

        return SuppressionLoss()


class SparseCRFTerm(Model):
    """Contrast-sensitive smoothness between neighbouring pixels (P3)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    sigma: float = Field(default=0.05, gt=0)
    """Contrast at which neighbours stop attracting, on intensities in [0, 1]."""
    form: Literal["absolute", "bilinear"] = "absolute"
    """``absolute`` as in P3, ``bilinear`` as the dense CRF of P0."""

    def build(self) -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SparseCRFLoss

        return SparseCRFLoss(sigma=self.sigma, form=self.form)


class ObjectiveConfig(Model):
    """The terms of the objective; a term left out (or ``null``) is not used."""

    partial_cross_entropy: PartialCrossEntropyTerm | None = None
    cross_entropy: CrossEntropyTerm | None = None
    size_target: SizeTargetTerm | None = None
    quadratic_barrier: QuadraticBarrierTerm | None = None
    log_barrier: LogBarrierTerm | None = None
    flat_log_barrier: FlatLogBarrierTerm | None = None
    suppression: SuppressionTerm | None = None
    sparse_crf: SparseCRFTerm | None = None

    @model_validator(mode="after")
    def _has_a_term(self) -> "ObjectiveConfig":
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError(f"no term: give at least one of {', '.join(type(self).model_fields)}")
        return self

    def build(self) -> "Objective":
        """Return the objective: every term that is there, with its weight."""
        from medsize.losses import Objective

        terms = {name: getattr(self, name) for name in type(self).model_fields}
        return Objective({name: (term.weight, term.build()) for name, term in terms.items() if term})
