"""What makes two pixels alike: where they are, and how bright."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medsize.losses.preconditions import require_positive, require_spacing


@dataclass(frozen=True, slots=True)
class Features:
    """Features f of all pixels, with the affinity ``w_pq = exp(−½‖f_p − f_q‖²)`` between any two of one image.

    The positions are those of a regular grid, so they are not stored, only how far neighbours are apart.

    Attributes:
        intensity: Intensities in units of their σ, (B, C, *spatial); C is 0 where position alone counts.
        steps: Distance of neighbouring pixels along each spatial axis, in units of the spatial σ.
    """

    intensity: Tensor
    steps: tuple[float, ...]

    @classmethod
    def of_image(
        cls,
        image: Tensor,
        *,
        sigma_space: float,
        sigma_intensity: float | None,
        spacing: Sequence[float] | None = None,
    ) -> "Features":
        """Features of the dense CRF: position over σ_xy and colour over σ_rgb.

        Three equal channels at σ are one channel at σ/√3.

        Args:
            image: Intensities, (B, C, *spatial).
            sigma_space: σ_xy, in pixels, or in the unit of ``spacing``.
            sigma_intensity: σ_rgb, in the unit of the image; None if position alone counts.
            spacing: Distance of neighbouring pixels along each spatial axis; 1 if not given.

        Raises:
            ValueError: A σ or a spacing is not a positive number, or the spacing has the wrong length.
        """
        require_positive("sigma_space", sigma_space)
        steps = tuple(number / sigma_space for number in require_spacing(spacing, image.ndim - 2))
        if sigma_intensity is None:
            return cls(image[:, :0], steps)
        require_positive("sigma_intensity", sigma_intensity)
        return cls(image.to(torch.promote_types(image.dtype, torch.float32)) / sigma_intensity, steps)

    @property
    def points(self) -> Tensor:
        """All features of each pixel, (B, pixels, axes + C), about their mean (which changes no distance)."""
        batch, _, *spatial = self.intensity.shape
        like = self.intensity
        lines = [
            torch.arange(size, dtype=like.dtype, device=like.device) * step
            for size, step in zip(spatial, self.steps, strict=True)
        ]
        place = torch.stack(torch.meshgrid(*lines, indexing="ij")).flatten(1).T
        points = torch.cat([place.expand(batch, -1, -1), like.flatten(2).transpose(1, 2)], 2)
        return points - points.mean(1, keepdim=True)
