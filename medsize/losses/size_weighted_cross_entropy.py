"""Cross entropy on masks in which the small objects of a class count like its large ones."""

from typing import ClassVar

import torch
from torch import Tensor, library, nn
from torch.nn import functional as F

from medsize.losses.connected_components import connected_components
from medsize.losses.partial_cross_entropy import IGNORE, require_classes, within_domain
from medsize.losses.prediction import Prediction


def component_weights(label: Tensor, limit: float = 5.0) -> Tensor:
    """``w = min(τ, Σ_k S_{c,k} / S_{c,n})`` for a pixel in component n of class c of its image.

    "Small Objects Matter" (P4) eq. 3. S_{c,n} is the number of pixels of the component, and the sum is over
    all components of the class in the image: a class in one piece has weight 1 whatever its size. Components
    are connected at corners too.

    Args:
        label: The class of each pixel, (B, *spatial), of an integer type; 0 is background, 255 is ignored.
        limit: τ, the largest weight; at least 1.

    Returns:
        w, (B, *spatial) float32, 1 on background and ignored pixels.

    Raises:
        ValueError: For a label map that is not of an integer type, or a τ below 1.
    """
    if label.is_floating_point():
        raise ValueError(f"the label map must be of an integer type such as uint8, found {label.dtype}")
    _require_limit(limit)
    ratio: Tensor = _class_over_component(label)
    return ratio.clamp(max=limit)


# An operator of its own, because the search for components loops until nothing changes: torch.compile could
# not trace that, and so takes it as one step of its graph.
@library.custom_op("medsize::class_over_component", mutates_args=())
def _class_over_component(label: Tensor) -> Tensor:
    """Pixels of a pixel's class in its image over those of its component, and 1 on background and ignored pixels."""
    flat = label.flatten()
    component = connected_components(label).flatten()
    image = torch.arange(len(label), device=label.device).repeat_interleave(label[:1].numel())
    class_of_image = image * (flat.max().long() + 1) + flat
    ratio = _occurrences(class_of_image) / _occurrences(component)
    return torch.where((flat > 0) & (flat != IGNORE), ratio, 1.0).float().reshape(label.shape)


@_class_over_component.register_fake
def _(label: Tensor) -> Tensor:
    return torch.empty(label.shape, dtype=torch.float32, device=label.device)


def _occurrences(of: Tensor) -> Tensor:
    """How often each element's value occurs."""
    return torch.bincount(of)[of]


def size_weighted_cross_entropy(log_probs: Tensor, label: Tensor, limit: float = 5.0) -> Tensor:
    """``−mean over the pixels of w_p ln S_p^{y_p}``, w the :func:`component_weights`: P4 eq. 4.

    Args:
        log_probs: ln S, (B, K, *spatial).
        label: The class of each pixel, 255 where it is to be ignored, (B, *spatial), of an integer type.
        limit: τ, the largest weight; 1 makes it the cross entropy.

    Returns:
        The loss, a scalar: the mean is over the labelled pixels of the batch, and 0 with zero gradient if
        there are none.

    Raises:
        ValueError: For a wrong shape, a type that is not an integer, a class that the network does not have,
            or a τ below 1.
    """
    require_classes(label, log_probs)
    cost = F.nll_loss(log_probs, label.long(), ignore_index=IGNORE, reduction="none")
    return (component_weights(label, limit) * cost).sum() / (label != IGNORE).sum().clamp(min=1)


class SizeWeightedCrossEntropyLoss(nn.Module):
    """Size-weighted cross entropy of a prediction on its domain: see :func:`size_weighted_cross_entropy`.

    Args:
        limit: τ, the largest weight of a pixel; at least 1.

    Raises:
        ValueError: For a τ below 1.
    """

    target: ClassVar[str] = "label"

    def __init__(self, limit: float = 5.0) -> None:
        super().__init__()
        _require_limit(limit)
        self.limit = limit

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on a label map (B, *spatial), 255 = ignored."""
        prediction = Prediction.of(prediction)
        return size_weighted_cross_entropy(prediction.log_probs, within_domain(target, prediction), self.limit)


def _require_limit(limit: float) -> None:
    if not limit >= 1:
        raise ValueError(f"limit must be at least 1, the weight of the background, found {limit}")
