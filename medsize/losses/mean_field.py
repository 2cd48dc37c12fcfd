"""Mean field inference in a dense CRF: a prediction that follows the edges of its image."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from medsize.losses.gaussian_filter import Engine, Features, gaussian_filter
from medsize.losses.preconditions import require_domain, require_positive, require_shape

_SMALLEST: Final = 1e-30


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanField:
    """Refinement of a prediction by a fully connected CRF with two Gaussian kernels and Potts compatibility.

    Krähenbühl and Koltun's inference with the settings of "Seed, Expand and Constrain" (P2): unary −ln S, a
    bilateral kernel (place and colour) and a smoothness kernel (place), each normalised symmetrically,
    ``D^{−½} W D^{−½}`` with D = diag(W1), as in their code. From Q = S on, each iteration is

        ``Q ← softmax(ln S + Σ_m weight_m · D_m^{−½} W_m D_m^{−½} Q)``

    P2 uses it at 41 × 41 pixels of an image of 321 × 321 with the spatial σ divided by 12, and at full
    resolution to test. Like the filters it is made of, it is differentiable in S.

    Args:
        sigma_space: σ_xy of the bilateral kernel, in pixels, or in the unit of ``spacing``.
        sigma_intensity: σ_rgb, in the unit of the image; the default is 13 of 255. Three equal channels at σ are one
            channel at σ/√3.
        bilateral_weight: Weight of the bilateral kernel.
        smoothness_sigma: σ of the smoothness kernel, as ``sigma_space``.
        smoothness_weight: Weight of the smoothness kernel.
        iterations: Number of iterations.
        spacing: Distance of neighbouring pixels along each spatial axis; 1 if not given.
        engine: See :func:`~medsize.losses.gaussian_filter.gaussian_filter`.

    Raises:
        ValueError: A setting is not a positive number.
    """

    sigma_space: float = 80.0
    sigma_intensity: float = 13 / 255
    bilateral_weight: float = 10.0
    smoothness_sigma: float = 3.0
    smoothness_weight: float = 3.0
    iterations: int = 10
    spacing: tuple[float, ...] | None = None
    engine: Engine = "auto"

    def __post_init__(self) -> None:
        for name in (
            "sigma_space",
            "sigma_intensity",
            "bilateral_weight",
            "smoothness_sigma",
            "smoothness_weight",
            "iterations",
        ):
            require_positive(name, getattr(self, name))

    def __call__(self, probs: Tensor, image: Tensor, domain: Tensor | None = None) -> Tensor:
        """Return Q, the refined prediction, (B, K, *spatial), in float32 or better; S itself outside the domain.

        Args:
            probs: S, (B, K, *spatial).
            image: (B, C, *spatial).
            domain: Ω, (B, *spatial) bool; pixels outside it neither send nor receive.

        Raises:
            ValueError: For a wrong shape.
        """
        require_shape("image", image, (probs.shape[0], *image.shape[1:2], *probs.shape[2:]), "(B, C, *spatial)")
        probs = probs.to(torch.promote_types(probs.dtype, torch.float32))
        inside = torch.ones_like(probs[:, :1])
        if domain is not None:
            require_domain(domain, (probs.shape[0], *probs.shape[2:]))
            inside = domain.unsqueeze(1).to(probs.dtype)
            image = image.masked_fill(~domain.unsqueeze(1), 0)
        bilateral = Features.of_image(
            image, sigma_space=self.sigma_space, sigma_intensity=self.sigma_intensity, spacing=self.spacing
        )
        smoothness = Features.of_image(
            image, sigma_space=self.smoothness_sigma, sigma_intensity=None, spacing=self.spacing
        )
        kernels = [(self.bilateral_weight, bilateral), (self.smoothness_weight, smoothness)]
        # W1 is at least w_pp = 1, whatever an approximate engine says of a pixel that is like no other.
        scales = [inside * gaussian_filter(f, inside, engine=self.engine).clamp(min=1).rsqrt() for _, f in kernels]
        unary = probs.clamp(min=_SMALLEST).log()
        refined = probs
        for _ in range(self.iterations):
            energy = unary
            for (weight, features), scale in zip(kernels, scales, strict=True):
                energy = energy + weight * scale * gaussian_filter(features, scale * refined, engine=self.engine)
            refined = energy.softmax(1)
        return refined if domain is None else torch.where(inside > 0, refined, probs)
