"""Cross entropy on full masks: the supervision that sizes are measured against."""

from typing import ClassVar

from torch import Tensor, nn

from medsize.losses.partial_cross_entropy import partial_cross_entropy, within_domain
from medsize.losses.prediction import Prediction


def cross_entropy(log_probs: Tensor, label: Tensor) -> Tensor:
    """``−mean over the pixels of ln S_p^{y_p}``: the partial cross entropy with every pixel a seed.

    Args:
        log_probs: ln S, (B, K, *spatial).
        label: The class of each pixel, 255 where it is to be ignored, (B, *spatial), of an integer type.

    Returns:
        The loss, a scalar; 0 with zero gradient if every pixel is ignored.

    Raises:
        ValueError: As :func:`~medsize.losses.partial_cross_entropy.partial_cross_entropy` does.
    """
    return partial_cross_entropy(log_probs, label)


class CrossEntropyLoss(nn.Module):
    """Cross entropy of a prediction on its domain: see :func:`cross_entropy`."""

    target: ClassVar[str] = "label"

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on a label map (B, *spatial), 255 = ignored."""
        prediction = Prediction.of(prediction)
        return cross_entropy(prediction.log_probs, within_domain(target, prediction))
