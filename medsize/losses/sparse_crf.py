"""Sparse CRF: borders should be short and lie on the edges of the image."""

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive, require_shape, require_spacing
from medsize.losses.prediction import Prediction

CRFForm = Literal["absolute", "bilinear"]
SparseNormalise = Literal["pairs", "none", "pixels", "affinity"]


def sparse_crf(
    probs: Tensor,
    image: Tensor,
    sigma: float,
    *,
    form: CRFForm = "absolute",
    normalise: SparseNormalise = "pairs",
    domain: Tensor | None = None,
    spacing: Sequence[float] | None = None,
) -> Tensor:
    """Mean over neighbour pairs of ``w_pq · d(S_p, S_q)``, ``w_pq = exp(−‖C_p − C_q‖² / 2σ²)``, mean over images.

    Neighbours share a face: 4-connected in two dimensions, 6-connected in three. The difference d is

    - ``"absolute"``: ``½ Σ_k |S_p^k − S_q^k|``, which for two classes is ``|x_p − x_q|`` with x the object's
      probability: "Regularized Loss for Single Class Segmentation" (P3) eq. 3;
    - ``"bilinear"``: ``Σ_k S_p^k (1 − S_q^k) = 1 − Σ_k S_p^k S_q^k``, symmetric as S sums to 1: "Approximate
      Size Targets" (P0) eq. 3.

    Where the network is certain, both are 1 between pixels of different classes and 0 between pixels of the
    same (Potts).

    Where the axes' spacings differ, pairs along an axis count in proportion to 1/spacing, as the face between two
    voxels is to their volume; so a border's cost is its area, whichever way it runs.

    Args:
        probs: S, (B, K, *spatial).
        image: C, (B, C, *spatial), in the units of σ.
        sigma: σ, the difference in intensity that counts as an edge. P3's 0.05 to 0.15 are, in the authors' code, on
            colours divided by ImageNet's standard deviations, 0.226 on average: 0.0113 to 0.0339 for images in 0–1.
        form: The relaxation, ``"absolute"`` or ``"bilinear"``.
        normalise: Divide each image's sum over pairs by their number (``"pairs"``, P3), by nothing, by |Ω|
            (``"pixels"``) or by the sum of their w (``"affinity"``).
        domain: Ω, (B, *spatial) bool; pairs that are not both inside do not count.
        spacing: Distance of neighbouring pixels along each spatial axis; alike if not given.

    Returns:
        The loss, a scalar; an image without any pair costs 0.

    Raises:
        ValueError: For a wrong shape or option, or a σ or spacing that is not a positive number.
    """
    require_option("form", form, get_args(CRFForm))
    require_option("normalise", normalise, get_args(SparseNormalise))
    require_positive("sigma", sigma)
    require_shape("image", image, (probs.shape[0], *image.shape[1:2], *probs.shape[2:]), "(B, C, *spatial)")
    spacing = require_spacing(spacing, probs.ndim - 2)
    image = image.to(probs.dtype)
    inside = probs.new_ones((probs.shape[0], *probs.shape[2:])) if domain is None else domain.to(probs.dtype)
    cost, pairs, affinity = probs.new_zeros(3, len(probs)).unbind()
    for axis in range(2, probs.ndim):
        p, q = _neighbours(probs, axis)
        C_p, C_q = _neighbours(image, axis)
        inside_p, inside_q = _neighbours(inside, axis - 1)
        face = inside_p * inside_q * (min(spacing) / spacing[axis - 2])
        w = torch.exp((C_p - C_q).square().sum(1) / (-2 * sigma**2))
        w = torch.where(face > 0, face * w, 0)
        difference = (p - q).abs().sum(1) / 2 if form == "absolute" else 1 - (p * q).sum(1)
        cost = cost + (w * difference).flatten(1).sum(1)
        pairs = pairs + face.flatten(1).sum(1)
        affinity = affinity + w.flatten(1).sum(1)
    if normalise == "none":
        return cost.mean()
    divisor = {"pairs": pairs, "pixels": inside.flatten(1).sum(1), "affinity": affinity}[normalise]
    return torch.where(divisor > 0, cost / divisor.where(divisor > 0, 1), 0).mean()


class SparseCRFLoss(nn.Module):
    """Sparse CRF of a prediction on its image: see :func:`sparse_crf`.

    Args:
        sigma: The difference in intensity that counts as an edge, in the units of the batch's image.
        form: ``"absolute"`` (P3) or ``"bilinear"`` (P0).
        normalise: ``"pairs"`` (P3), ``"none"``, ``"pixels"`` or ``"affinity"``.
        spacing: Distance of neighbouring pixels along each spatial axis; alike if not given.

    Raises:
        ValueError: For an unknown option, or a σ or spacing that is not a positive number.
    """

    target: ClassVar[str] = "image"

    def __init__(
        self,
        sigma: float,
        form: CRFForm = "absolute",
        normalise: SparseNormalise = "pairs",
        *,
        spacing: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        require_positive("sigma", sigma)
        require_option("form", form, get_args(CRFForm))
        require_option("normalise", normalise, get_args(SparseNormalise))
        self.sigma = sigma
        self.form: CRFForm = form
        self.normalise: SparseNormalise = normalise
        self.spacing = spacing

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on the image (B, C, *spatial)."""
        prediction = Prediction.of(prediction)
        return sparse_crf(
            prediction.probs,
            target,
            self.sigma,
            form=self.form,
            normalise=self.normalise,
            domain=prediction.domain,
            spacing=self.spacing,
        )


def _neighbours(tensor: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    pairs = tensor.shape[axis] - 1
    return tensor.narrow(axis, 0, pairs), tensor.narrow(axis, 1, pairs)
