"""Cross entropy on the few pixels whose class is known."""

from typing import ClassVar, Final

from torch import Tensor, nn
from torch.nn import functional as F

from medsize.losses.preconditions import require_shape, values_are_readable
from medsize.losses.prediction import Prediction

IGNORE: Final = 255
"""The label of a pixel whose class is unknown."""


def partial_cross_entropy(log_probs: Tensor, seeds: Tensor) -> Tensor:
    """``−mean over the seed pixels of ln S_p^{y_p}``: "Approximate Size Targets" (P0) eq. 4, as a mean.

    The mean is over all seed pixels of the batch; without any it is 0 with zero gradient.

    Args:
        log_probs: ln S, (B, K, *spatial).
        seeds: The class of each seed pixel, 255 elsewhere, (B, *spatial), of an integer type.

    Returns:
        The loss, a scalar.

    Raises:
        ValueError: For a wrong shape, a type that is not an integer, or a class that the network
            does not have.
    """
    _require_classes(seeds, log_probs)
    total = F.nll_loss(log_probs, seeds.long(), ignore_index=IGNORE, reduction="sum")
    return total / (seeds != IGNORE).sum().clamp(min=1)


def within_domain(labels: Tensor, prediction: Prediction) -> Tensor:
    """Labels (B, *spatial) with everything outside the prediction's domain unlabelled."""
    if prediction.domain is None:
        return labels
    require_shape("the label map", labels, prediction.domain.shape, "(B, *spatial)")
    return labels.masked_fill(~prediction.domain, IGNORE)


class PartialCrossEntropyLoss(nn.Module):
    """Partial cross entropy of a prediction on seeds: see :func:`partial_cross_entropy`."""

    target: ClassVar[str] = "seeds"

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on seeds (B, *spatial), 255 = unlabelled."""
        prediction = Prediction.of(prediction)
        return partial_cross_entropy(prediction.log_probs, within_domain(target, prediction))


def _require_classes(labels: Tensor, log_probs: Tensor) -> None:
    classes = log_probs.shape[1]
    require_shape("the label map", labels, (log_probs.shape[0], *log_probs.shape[2:]), "(B, *spatial)")
    if labels.is_floating_point():
        raise ValueError(f"the label map must be of an integer type such as uint8, found {labels.dtype}")
    if not values_are_readable(labels):
        return
    # On a GPU a wrong class would otherwise end in a device-side assert that names nothing.
    wrong = ((labels < 0) | (labels >= classes)) & (labels != IGNORE)
    if wrong.any():
        image, *pixel = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"the label map holds a class that the network does not have: expected 0 to {classes - 1} or "
            f"{IGNORE} (unlabelled), found {int(labels[image, *pixel])} in image {image} of the batch at "
            f"pixel {tuple(pixel)}"
        )
