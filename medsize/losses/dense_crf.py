"""Dense CRF: pixels that are alike in place and colour should be of one class."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal, get_args

import torch
from torch import Tensor, library, nn
from torch.nn import functional as F

from medsize.losses.gaussian_filter import Engine, Features, gaussian_filter
from medsize.losses.preconditions import require_option, require_positive, require_shape
from medsize.losses.prediction import Prediction

Normalise = Literal["none", "pixels", "affinity"]

_INTERPOLATION: Final = {1: "linear", 2: "bilinear", 3: "trilinear"}
_SMALLEST_SHARE: Final = 1e-6


def dense_crf(
    probs: Tensor,
    image: Tensor,
    *,
    sigma_space: float,
    sigma_intensity: float,
    normalise: Normalise = "none",
    half_resolution: bool = False,
    domain: Tensor | None = None,
    spacing: Sequence[float] | None = None,
    engine: Engine = "auto",
) -> Tensor:
    """``Σ_k (1 − S^k)ᵀ W S^k`` with ``w_pq = exp(−½‖f_p − f_q‖²)``, f = (position / σ_xy, colour / σ_rgb).

    "Approximate Size Targets" (P0) eq. 3, with the affinities of "On Regularized Losses for Weakly-supervised CNN
    Segmentation": all pairs, p = q too. For a prediction that is certain it is the affinity between pixels of
    different classes (Potts). The authors' code leaves out ``1ᵀW1``, which is constant; the gradient is the same.

    It is a sum over pairs, so ``normalise="none"`` grows with the square of the pixels and wants a weight near 1e-9
    (P0: 2e-9, times the batch size where theirs was divided by it twice).

    Args:
        probs: S, (B, K, *spatial), summing to 1 over K.
        image: Colours, (B, C, *spatial).
        sigma_space: σ_xy, in pixels, or in the unit of ``spacing``.
        sigma_intensity: σ_rgb, in the unit of the image. Three equal channels at σ are one channel at σ/√3.
        normalise: Divide each image's energy by nothing, by |Ω| (``"pixels"``) or by ΣW (``"affinity"``, which makes
            it a share between 0 and 1).
        half_resolution: Compute it at half the resolution, as the authors do: the image at the nearest pixel, the
            probabilities averaged over Ω, σ_xy halved.
        domain: Ω, (B, *spatial) bool; pixels outside it do not count.
        spacing: Distance of neighbouring pixels along each spatial axis; 1 if not given.
        engine: See :func:`~medsize.losses.gaussian_filter.gaussian_filter`.

    Returns:
        The loss, a scalar, mean over images. Its gradient is right for probabilities that come from a soft-max: what
        it leaves out is the same for all classes of a pixel. It costs one filter, and none on the way back.

    Raises:
        ValueError: For a wrong shape or option, or a σ that is not a positive number.
    """
    require_option("normalise", normalise, get_args(Normalise))
    require_shape("image", image, (probs.shape[0], *image.shape[1:2], *probs.shape[2:]), "(B, C, *spatial)")
    if domain is not None:
        image = image.masked_fill(~domain.unsqueeze(1), 0)
        probs = probs.masked_fill(~domain.unsqueeze(1), 0)
    if half_resolution:
        probs, image, domain = _halve(probs, image, domain)
        sigma_space = sigma_space / 2
    features = Features.of_image(image, sigma_space=sigma_space, sigma_intensity=sigma_intensity, spacing=spacing)
    filtered = gaussian_filter(features, probs.detach(), engine=engine)
    affinity = filtered.sum(1, keepdim=True)  # W1, as S sums to 1
    inside = torch.ones_like(affinity) if domain is None else domain.unsqueeze(1).to(affinity.dtype)
    energy: Tensor = _quadratic_form(probs, torch.sub(affinity, filtered, out=filtered))
    # Both divisors are at least 1, but for an image that half the resolution leaves no pixel of Ω: it costs 0.
    if normalise == "pixels":
        energy = energy / inside.flatten(1).sum(1).clamp(min=1)
    elif normalise == "affinity":
        energy = energy / (inside * affinity).flatten(1).sum(1).clamp(min=1)
    return energy.mean()


class DenseCRFLoss(nn.Module):
    """Dense CRF of a prediction on its image: see :func:`dense_crf`.

    Args:
        sigma_space: σ_xy, in pixels, or in the unit of ``spacing``.
        sigma_intensity: σ_rgb, in the unit of the batch's image; the default is the authors' 15 of 255.
        normalise: ``"none"``, the papers, ``"pixels"`` or ``"affinity"``.
        half_resolution: Compute it at half the resolution, as the authors do.
        spacing: Distance of neighbouring pixels along each spatial axis; 1 if not given.
        engine: ``"auto"``, ``"exact"`` or ``"low_rank"``.

    Raises:
        ValueError: For an unknown option or a σ that is not a positive number.
    """

    target: ClassVar[str] = "image"

    def __init__(
        self,
        sigma_space: float = 100.0,
        sigma_intensity: float = 15 / 255,
        normalise: Normalise = "none",
        *,
        half_resolution: bool = False,
        spacing: Sequence[float] | None = None,
        engine: Engine = "auto",
    ) -> None:
        super().__init__()
        require_positive("sigma_space", sigma_space)
        require_positive("sigma_intensity", sigma_intensity)
        require_option("normalise", normalise, get_args(Normalise))
        require_option("engine", engine, get_args(Engine))
        self.sigma_space = sigma_space
        self.sigma_intensity = sigma_intensity
        self.normalise: Normalise = normalise
        self.half_resolution = half_resolution
        self.spacing = spacing
        self.engine: Engine = engine

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on the image (B, C, *spatial)."""
        prediction = Prediction.of(prediction)
        return dense_crf(
            prediction.probs,
            target,
            sigma_space=self.sigma_space,
            sigma_intensity=self.sigma_intensity,
            normalise=self.normalise,
            half_resolution=self.half_resolution,
            domain=prediction.domain,
            spacing=self.spacing,
            engine=self.engine,
        )


# SᵀAS of each image for a symmetric A, from S and AS. An operator of its own, as its gradient, 2AS, is there already.
@library.custom_op("medsize::quadratic_form", mutates_args=())
def _quadratic_form(probs: Tensor, product: Tensor) -> Tensor:
    return torch.stack([torch.dot(s, a) for s, a in zip(probs.flatten(1), product.flatten(1), strict=True)])


@_quadratic_form.register_fake
def _(probs: Tensor, _product: Tensor) -> Tensor:
    return probs.new_empty(len(probs))


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001  # torch passes it by name
    ctx.save_for_backward(inputs[1])


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
    (product,) = ctx.saved_tensors
    return 2 * gradient.view(-1, *[1] * (product.ndim - 1)) * product, None


_quadratic_form.register_autograd(_backward, setup_context=_remember)


def _halve(probs: Tensor, image: Tensor, domain: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    size = [max(1, length // 2) for length in probs.shape[2:]]
    mode = _INTERPOLATION[len(size)]
    image = F.interpolate(image.to(probs.dtype), size, mode="nearest")
    probs = F.interpolate(probs, size, mode=mode, align_corners=False)
    if domain is None:
        return probs, image, None
    inside = domain.unsqueeze(1).to(probs.dtype)
    share = F.interpolate(inside, size, mode=mode, align_corners=False)
    inside = F.interpolate(inside, size, mode="nearest")
    return torch.where(inside > 0, probs / share.clamp(min=_SMALLEST_SHARE), 0), image, (inside > 0).squeeze(1)
