"""The terms of an objective that are about sizes, bounds and tags, of slices or of whole volumes."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medsize.config.model import Model
from medsize.config.terms import Weight

if TYPE_CHECKING:
    from torch import nn

Level = Literal["slice", "volume"]
Levels = Literal["slice", "volume", "both"]
"""What the sizes of a run are about; ``both`` for those of slices and those of volumes side by side."""


class SizeTerm(Model):
    """A term about sizes, of slices or of whole volumes: what it is told comes at the supervision's level."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    @abstractmethod
    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""


class SizeTargetTerm(SizeTerm):
    """KL divergence of the size target and the average prediction (P0 eq. 2, 7)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    direction: Literal["forward", "reverse"] = "forward"
    """``forward`` is the method; ``reverse`` exists for the ablation."""
    scale: Literal["none", "entropy", "object"] = "none"
    """Divide each image's KL by its target's entropy, or by its object fraction, so that small objects count alike."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is compared; below 1 the size of the mask itself comes to meet the target."""

    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SizeTargetLoss

        return SizeTargetLoss(direction=self.direction, scale=self.scale, temperature=self.temperature, level=level)


class SizeBoundsTerm(SizeTerm):
    """KL divergence of the average prediction and the nearest sizes within bounds: flat between them."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    scale: Literal["none", "entropy", "object"] = "none"
    """Divide each image's KL so that small objects count alike, as for ``size_target``."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is bounded, as for ``size_target``."""

    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SizeBoundsLoss

        return SizeBoundsLoss(scale=self.scale, temperature=self.temperature, level=level)


class QuadraticBarrierTerm(SizeTerm):
    """Thresholded quadratic size barrier (P0 eq. 17)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    scale: Literal["pixels", "fraction"] = "pixels"
    """``pixels``: times 0.01·|Ω|, the size-constraint authors' weight; ``fraction``: the equation as printed."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is bounded, as for ``size_target``."""

    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""
        from medsize.losses import QuadraticBarrierLoss

        return QuadraticBarrierLoss(scale=self.scale, temperature=self.temperature, level=level)


class LogBarrierExtensionTerm(SizeTerm):
    """Log-barrier extension on size bounds (Kervadec et al. 2019), harder from epoch to epoch."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    t0: float = Field(default=5.0, gt=0)
    """Hardness in the first epoch; for ``scale: fraction``, 100 or so."""
    growth: float = Field(default=1.1, ge=1)
    """Factor of the hardness from one epoch to the next."""
    scale: Literal["pixels", "fraction"] = "pixels"
    """``pixels``: the authors', 0.01/|Ω| times the barrier on pixel counts; ``fraction``: the barrier on fractions."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the soft-max whose average is bounded, as for ``size_target``."""

    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""
        from medsize.losses import LogBarrierExtensionLoss

        return LogBarrierExtensionLoss(
            t0=self.t0, growth=self.growth, scale=self.scale, temperature=self.temperature, level=level
        )


class LogBarrierTerm(SizeTerm):
    """Log barrier, or expansion: −ln of the average prediction of each present class (P0 eq. 9)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""
        from medsize.losses import LogBarrierLoss

        return LogBarrierLoss(level=level)


class FlatLogBarrierTerm(SizeTerm):
    """Log barrier that is flat outside its threshold (P0 eq. 11)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""
    epsilon: float = Field(gt=0, le=1)
    """The threshold, a fraction of the image."""

    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""
        from medsize.losses import FlatLogBarrierLoss

        return FlatLogBarrierLoss(epsilon=self.epsilon, level=level)


class SuppressionTerm(SizeTerm):
    """−ln(1 − average prediction) of each absent class (P0 eq. 8)."""

    weight: Weight = 1.0
    """Factor of the term in the sum."""

    def build(self, level: Level = "slice") -> "nn.Module":
        """Return the loss."""
        from medsize.losses import SuppressionLoss

        return SuppressionLoss(level=level)
