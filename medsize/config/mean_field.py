"""The mean field of a dense CRF, which refines a prediction: while training, or when it is used."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from medsize.config.model import Model

if TYPE_CHECKING:
    from medsize.losses import MeanField

Engine = Literal["auto", "exact", "low_rank"]
Positive = Annotated[float, Field(gt=0)]


class MeanFieldConfig(Model):
    """A dense CRF on the slices as the network sees them, in their pixels: alike and near ones should be of one class.

    The defaults are ours, for structures of some tens of pixels. Those of SEC (P2) are for photos, 321 pixels a side,
    and wipe out a heart; three equal channels at σ are one channel at σ/√3, so on one channel they are
    ``{sigma_space: 80, sigma_intensity: 0.029, bilateral_weight: 10, smoothness_sigma: 3, smoothness_weight: 3,
    iterations: 10}``. In training, at 41 × 41 pixels, P2 divides both σ of place by 12.
    """

    sigma_space: Positive = 4.0
    """How far pixels of the same intensity attract each other, in pixels."""
    sigma_intensity: Positive = 0.05
    """Contrast at which they stop attracting, on the one channel of intensities in [0, 1]."""
    bilateral_weight: Positive = 2.0
    """Weight of this attraction."""
    smoothness_sigma: Positive = 1.0
    """How far pixels of any intensity attract each other, in pixels."""
    smoothness_weight: Positive = 0.5
    """Weight of that attraction."""
    iterations: int = Field(default=3, ge=1)
    """Rounds; each filters the whole image twice."""
    engine: Engine = "auto"
    """``exact``, ``low_rank`` (approximate, in linear time), or ``auto``: exact on a GPU and for small slices."""

    def build(self) -> "MeanField":
        """Return the refinement."""
        from medsize.losses import MeanField

        return MeanField(**self.model_dump())
