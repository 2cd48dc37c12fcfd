"""Cross entropy on the few pixels whose class is known."""

from typing import ClassVar, Final, Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from medsize.losses.preconditions import require_option, require_shape, values_are_readable
from medsize.losses.prediction import Prediction

MeanOver = Literal["pixels", "images"]

IGNORE: Final = 255
"""The label of a pixel whose class is unknown."""


def partial_cross_entropy(log_probs: Tensor, seeds: Tensor, *, mean_over: MeanOver = "pixels") -> Tensor:
    """``−mean over the seed pixels of ln S_p^{y_p}``: "Approximate Size Targets" (P0) eq. 4, as a mean.

    Args:
        log_probs: ln S, (B, K, *spatial).
        seeds: The class of each seed pixel, 255 elsewhere, (B, *spatial), of an integer type.
        mean_over: ``"pixels"``: all seed pixels of the batch weigh alike. ``"images"``: all images with seeds
            do, and in each its seed pixels; the seeding loss of "Seed, Expand and Constrain" (P2) eq. 2.

    Returns:
        The loss, a scalar; 0 with zero gradient if there are no seeds.

    Raises:
        ValueError: For a wrong shape, a type that is not an integer, a class that the network does not have,
            or an unknown option.
    """
    require_option("mean_over", mean_over, get_args(MeanOver))
    require_classes(seeds, log_probs)
    seeded = (seeds != IGNORE).flatten(1).sum(1)
    if mean_over == "pixels":
        total = F.nll_loss(log_probs, seeds.long(), ignore_index=IGNORE, reduction="sum")
        return total / seeded.sum().clamp(min=1)
    totals = F.nll_loss(log_probs, seeds.long(), ignore_index=IGNORE, reduction="none").flatten(1).sum(1)
    return (totals / seeded.clamp(min=1)).sum() / (seeded > 0).sum().clamp(min=1)


def within_domain(labels: Tensor, prediction: Prediction) -> Tensor:
    """Labels (B, *spatial) with everything outside the prediction's domain unlabelled."""
    if prediction.domain is None:
        return labels
    require_shape("the label map", labels, prediction.domain.shape, "(B, *spatial)")
    return labels.masked_fill(~prediction.domain, IGNORE)


class PartialCrossEntropyLoss(nn.Module):
    """Partial cross entropy of a prediction on seeds: see :func:`partial_cross_entropy`.

    Args:
        mean_over: ``"pixels"`` (P0) or ``"images"`` (P2): what weighs alike.

    Raises:
        ValueError: For an unknown option.
    """

    target: ClassVar[str] = "seeds"

    def __init__(self, mean_over: MeanOver = "pixels") -> None:
        super().__init__()
        require_option("mean_over", mean_over, get_args(MeanOver))
        self.mean_over: MeanOver = mean_over

    def forward(self, prediction: Prediction | Tensor, target: Tensor) -> Tensor:
        """The loss of a prediction (or logits) on seeds (B, *spatial), 255 = unlabelled."""
        prediction = Prediction.of(prediction)
        seeds = within_domain(target, prediction)
        return partial_cross_entropy(prediction.log_probs, seeds, mean_over=self.mean_over)


def require_classes(labels: Tensor, log_probs: Tensor) -> None:
    """Raise ValueError unless a label map (B, *spatial) fits ln S and holds its classes and 255 alone."""
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
