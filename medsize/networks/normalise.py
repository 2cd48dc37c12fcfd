"""The first step of every network: from an image in [0, 1] to what its first convolution was trained on."""

import torch
from torch import Tensor, nn

Statistic = float | tuple[float, ...]
"""A mean or standard deviation: one for all channels, or one per channel."""

ONE_CHANNEL = ("sum", "replicate")


class Normalise(nn.Module):
    """Check an image, repeat its only channel if asked to, and standardise it: ``(image − mean) / std``.

    The step belongs to the network, so that an exported network carries it. Mean and standard deviation are
    non-persistent buffers: they move with the network but are no part of its state dict.

    Args:
        in_channels: Channels of the images.
        one_channel: For ``in_channels=1`` only. ``"replicate"`` repeats the channel three times, for a network
            behind that has three input channels; ``"sum"`` leaves it alone, for a network whose first kernel is
            summed over its input channels. With one mean and deviation the two are the same function.
        mean: Subtracted, on the image's scale of [0, 1].
        std: Divided by, positive.

    Attributes:
        out_channels: Channels that the network behind sees.

    Raises:
        ValueError: A setting is impossible, or a per-channel statistic has the wrong length.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, *, in_channels: int, one_channel: str = "sum", mean: Statistic = 0.5, std: Statistic = 0.5
    ) -> None:
        super().__init__()
        if in_channels < 1:
            raise ValueError(f"in_channels: expected at least 1, found {in_channels}")
        if one_channel not in ONE_CHANNEL:
            raise ValueError(f"one_channel: expected one of {', '.join(ONE_CHANNEL)}, found {one_channel!r}")
        self.in_channels = in_channels
        self.out_channels = 3 if in_channels == 1 and one_channel == "replicate" else in_channels
        self.register_buffer("mean", self._per_channel("mean", mean), persistent=False)
        self.register_buffer("std", self._per_channel("std", std), persistent=False)
        if not all(value > 0 for value in _values(std)):
            raise ValueError(f"std: expected positive numbers, found {std}")

    def _per_channel(self, name: str, statistic: Statistic) -> Tensor:
        values = _values(statistic)
        if len(values) not in (1, self.out_channels):
            raise ValueError(
                f"{name}: expected one number, or one for each of the {self.out_channels} channels that the "
                f'network sees, found {statistic} (a grey image has three with one_channel="replicate")'
            )
        return torch.tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Standardise an image.

        Args:
            image: (B, in_channels, H, W) in [0, 1], floating point.

        Returns:
            (B, out_channels, H, W).

        Raises:
            ValueError: The image has another number of axes or channels, no pixels, or integer values.
        """
        if image.ndim != 4 or image.shape[1] != self.in_channels or 0 in image.shape:
            raise ValueError(f"image: expected a non-empty (B, {self.in_channels}, H, W), found {tuple(image.shape)}")
        if not image.is_floating_point():
            raise ValueError(f"image: expected floating-point values in [0, 1], found {image.dtype}")
        return (image.expand(-1, self.out_channels, -1, -1) - self.mean) / self.std


def _values(statistic: Statistic) -> tuple[float, ...]:
    return statistic if isinstance(statistic, tuple) else (statistic,)
