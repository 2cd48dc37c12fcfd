"""Priors on one object in the middle of the image, which keep a sparse CRF from its trivial solutions.

In all three the object is everything but the background: class 1 of a network with two classes, and the
foreground classes together of one with more.
"""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from medsize.losses.preconditions import require_domain, require_option, require_positive, require_tags
from medsize.losses.prediction import Prediction

SmallObjects = Literal["sum", "mean"]


def volumetric(
    average: Tensor,
    tags: Tensor,
    *,
    mean: float = 0.5,
    minimum: float = 0.15,
    small_weight: float = 5.0,
    small_objects: SmallObjects = "sum",
) -> Tensor:
    """``(mean_i s_i − 0.5)² + 5 Σ_i max(0.15 − s_i, 0)²`` over the images i that show the object, s its size.

    "Regularized Loss for Single Class Segmentation" (P3) eq. 4. The first term is on the mean size in the
    batch, so single objects may be large or small; the second keeps each from vanishing. The numbers are for
    photos of one salient object: the left ventricle in ACDC is about 1 % of its image, and there a mean and
    minimum must be given that fit.

    Args:
        average: S̄, (B, K), of all classes.
        tags: The classes present, (B, K) bool. Images without any foreground class do not count, nor do those
            whose tags are unknown (no True).
        mean: The mean size of the object in a batch, a fraction of Ω.
        minimum: The size below which an object is too small, a fraction of Ω.
        small_weight: λ_s, of the second term.
        small_objects: ``"sum"`` over the images, the paper (so the term grows with the batch, 16 images
            there), or their ``"mean"``, the authors' code.

    Returns:
        The loss, a scalar; 0 with zero gradient if no image is known to show the object.

    Raises:
        ValueError: For a wrong shape or type, or an unknown option.
    """
    require_option("small_objects", small_objects, get_args(SmallObjects))
    require_tags(tags, average.shape)
    shown = _shows_object(tags)
    count = shown.sum().clamp(min=1)
    size = average[:, 1:].sum(1)
    off_mean = (torch.where(shown, size, 0).sum() / count - mean).square()
    too_small = torch.where(shown, (minimum - size).clamp(min=0).square(), 0).sum()
    if small_objects == "mean":
        too_small = too_small / count
    return torch.where(shown.any(), off_mean + small_weight * too_small, 0)


def positional(
    probs: Tensor, tags: Tensor, *, border_width: int = 3, centre_side: int = 3, domain: Tensor | None = None
) -> Tensor:
    """``(mean_{p∈B} x_p)² + (mean_{p∈C} x_p − 1)²``, mean over the images that show the object: P3 eq. 5.

    x is the probability of the object, B the border of the image and C a box at its centre. Both are those of
    the smallest box around Ω, and hold the pixels of Ω alone; so padding on any side changes nothing.

    C is symmetric: it holds the pixels less than half a side from the centre, along each axis. A side of 3 is
    3 pixels of an odd number, and 2 of an even one: the "central four pixels" that P3 speaks of at 128 × 128,
    where the authors' code takes 4 × 4 (a side of 4).

    Args:
        probs: S, (B, K, *spatial), of all classes.
        tags: The classes present, (B, K) bool. Images without any foreground class do not count, nor do those
            whose tags are unknown (no True).
        border_width: Pixels from the outside that are border.
        centre_side: Pixels along each side of the box at the centre.
        domain: Ω, (B, *spatial) bool.

    Returns:
        The loss, a scalar; 0 with zero gradient if no image is known to show the object.

    Raises:
        ValueError: For a wrong shape or type, an empty domain, or a width or side below 1.
    """
    require_positive("border_width", border_width)
    require_positive("centre_side", centre_side)
    require_tags(tags, probs.shape[:2])
    axes = (probs.shape[0], *probs.shape[2:])
    if domain is None:
        domain = torch.ones(axes, dtype=torch.bool, device=probs.device)
    require_domain(domain, axes)
    border, centre = _border_and_centre(domain, border_width, centre_side)
    x = probs[:, 1:].sum(1)
    each = _mean_inside(border, x).square() + torch.where(
        centre.flatten(1).any(1), (_mean_inside(centre, x) - 1).square(), 0
    )
    shown = _shows_object(tags)
    return torch.where(shown, each, 0).sum() / shown.sum().clamp(min=1)


def negative(average: Tensor, tags: Tensor) -> Tensor:
    """``s²``, mean over the images known not to show the object, s its size: P3 eq. 7.

    P3 prints ``(s − 1)²`` with s the mean of the object's probability, which would fill negative images with
    the object; that is only right for the background's. The factor λ_neg, 2 in P3, is the weight of the term.

    Args:
        average: S̄, (B, K), of all classes.
        tags: The classes present, (B, K) bool; a row without any True is unknown and does not count.

    Returns:
        The loss, a scalar; 0 with zero gradient if no image is known to lack the object.

    Raises:
        ValueError: For a wrong shape or type.
    """
    require_tags(tags, average.shape)
    absent = tags.any(1) & ~_shows_object(tags)
    return torch.where(absent, average[:, 1:].sum(1).square(), 0).sum() / absent.sum().clamp(min=1)


class VolumetricLoss(nn.Module):
    """Prior on the size of the object: see :func:`volumetric`.

    Args:
        mean: The mean size of the object in a batch, a fraction of the image.
        minimum: The size below which an object is too small, a fraction of the image.
        small_weight: Weight of the penalty on objects that are too small.
        small_objects: ``"sum"`` (the paper) or ``"mean"`` (the authors' code) over the images.

    Raises:
        ValueError: For fractions outside (0, 1), a weight that is not positive, or an unknown option.
    """

    target: ClassVar[str] = "tags"

    def __init__(
        self,
        mean: float = 0.5,
        minimum: float = 0.15,
        small_weight: float = 5.0,
        small_objects: SmallObjects = "sum",
    ) -> None:
        super().__init__()
        for name, fraction in {"mean": mean, "minimum": minimum}.items():
            if not 0 < fraction < 1:
                raise ValueError(f"{name} must be a fraction of the image, above 0 and below 1, found {fraction}")
        require_positive("small_weight", small_weight)
        require_option("small_objects", small_objects, get_args(SmallObjects))
        self.mean = mean
        self.minimum = minimum
        self.small_weight = small_weight
        self.small_objects: SmallObjects = small_objects

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on tags (B, K) bool."""
        return volumetric(
            Prediction.of(prediction).average,
            target,
            mean=self.mean,
            minimum=self.minimum,
            small_weight=self.small_weight,
            small_objects=self.small_objects,
        )


class PositionalLoss(nn.Module):
    """Prior on the place of the object: see :func:`positional`.

    Args:
        border_width: Pixels from the outside that should not be object.
        centre_side: Pixels along each side of the box at the centre that should be.

    Raises:
        ValueError: For a width or side below 1.
    """

    target: ClassVar[str] = "tags"

    def __init__(self, border_width: int = 3, centre_side: int = 3) -> None:
        super().__init__()
        require_positive("border_width", border_width)
        require_positive("centre_side", centre_side)
        self.border_width = border_width
        self.centre_side = centre_side

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on tags (B, K) bool."""
        prediction = Prediction.of(prediction)
        return positional(
            prediction.probs,
            target,
            border_width=self.border_width,
            centre_side=self.centre_side,
            domain=prediction.domain,
        )


class NegativeLoss(nn.Module):
    """Keeps the object out of images that do not show it: see :func:`negative`."""

    target: ClassVar[str] = "tags"

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on tags (B, K) bool."""
        return negative(Prediction.of(prediction).average, target)


def _shows_object(tags: Tensor) -> Tensor:
    return tags[:, 1:].any(1)


def _border_and_centre(domain: Tensor, width: int, side: int) -> tuple[Tensor, Tensor]:
    border, centre = torch.zeros_like(domain), domain
    for axis in range(1, domain.ndim):
        index = torch.arange(domain.shape[axis], device=domain.device)
        index = index.reshape(-1, *[1] * (domain.ndim - 1 - axis))
        others = [other for other in range(1, domain.ndim) if other != axis]
        occupied = domain.any(dim=others, keepdim=True) if others else domain
        first = torch.where(occupied, index, domain.shape[axis]).amin(axis, keepdim=True)
        last = torch.where(occupied, index, -1).amax(axis, keepdim=True)
        border = border | (index - first < width) | (last - index < width)
        centre = centre & ((2 * index - first - last).abs() < side)
    return border & domain, centre


def _mean_inside(mask: Tensor, values: Tensor) -> Tensor:
    inside = mask.flatten(1)
    return torch.where(inside, values.flatten(1), 0).sum(1) / inside.sum(1).clamp(min=1)
