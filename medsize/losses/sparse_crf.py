"""Sparse CRF: borders should be short and lie on the edges of the image."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_option, require_positive, require_shape
from medsize.losses.prediction import Prediction

CRFForm = Literal["absolute", "bilinear"]


def sparse_crf(
    probs: Tensor, image: Tensor, sigma: float, *, form: CRFForm = "absolute", domain: Tensor | None = None
) -> Tensor:
    """Mean over neighbour pairs of ``w_pq · d(S_p, S_q)``, ``w_pq = exp(−‖C_p − C_q‖² / 2σ²)``.

    Neighbours share a face: 4-connected in two dimensions, 6-connected in three. The difference d is

    - ``"absolute"``: ``½ Σ_k |S_p^k − S_q^k|``, which for two classes is ``|x_p − x_q|`` with x the object's
      probability: "Regularized Loss for Single Class Segmentation" (P3) eq. 3;
    - ``"bilinear"``: ``Σ_k S_p^k (1 − S_q^k) = 1 − Σ_k S_p^k S_q^k``, symmetric as S sums to 1: "Approximate
      Size Targets" (P0) eq. 3.

    Where the network is certain, both are 1 between pixels of different classes and 0 between pixels of the
    same (Potts).

    Args:
        probs: S, (B, K, *spatial).
        image: C, (B, C, *spatial), in the units of σ.
        sigma: σ, the difference in intensity that counts as an edge (0.05 to 0.15 for images in 0–1, P3).
        form: The relaxation, ``"absolute"`` or ``"bilinear"``.
        domain: Ω, (B, *spatial) bool; pairs that are not both inside do not count.

    Returns:
        The loss, a scalar; the mean is over the pairs of the whole batch, and 0 if there are none.

    Raises:
        ValueError: For a wrong shape or form, or a σ that is not a positive number.
    """
    require_option("form", form, get_args(CRFForm))
    require_positive("sigma", sigma)
    require_shape("image", image, (probs.shape[0], *image.shape[1:2], *probs.shape[2:]), "(B, C, *spatial)")
    image = image.to(probs.dtype)
    cost = probs.new_zeros(())
    pairs = torch.zeros((), dtype=torch.long, device=probs.device)
    for axis in range(2, probs.ndim):
        p, q = _neighbours(probs, axis)
        C_p, C_q = _neighbours(image, axis)
        w = torch.exp((C_p - C_q).square().sum(1) / (-2 * sigma**2))
        if domain is not None:
            inside_p, inside_q = _neighbours(domain, axis - 1)
            inside = inside_p & inside_q
            w = torch.where(inside, w, 0)
            pairs = pairs + inside.sum()
        else:
            pairs = pairs + w.numel()
        difference = (p - q).abs().sum(1) / 2 if form == "absolute" else 1 - (p * q).sum(1)
        cost = cost + (w * difference).sum()
    return cost / pairs.clamp(min=1)


class SparseCRFLoss(nn.Module):
    """Sparse CRF of a prediction on its image: see :func:`sparse_crf`.

    Args:
        sigma: The difference in intensity that counts as an edge, in the units of the batch's image.
        form: ``"absolute"`` (P3) or ``"bilinear"`` (P0).

    Raises:
        ValueError: For an unknown form or a σ that is not a positive number.
    """

    target: ClassVar[str] = "image"

    def __init__(self, sigma: float, form: CRFForm = "absolute") -> None:
        super().__init__()
        require_positive("sigma", sigma)
        require_option("form", form, get_args(CRFForm))
        self.sigma = sigma
        self.form: CRFForm = form

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on the image (B, C, *spatial)."""
        prediction = Prediction.of(prediction)
        return sparse_crf(prediction.probs, target, self.sigma, form=self.form, domain=prediction.domain)


def _neighbours(tensor: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    pairs = tensor.shape[axis] - 1
    return tensor.narrow(axis, 0, pairs), tensor.narrow(axis, 1, pairs)
