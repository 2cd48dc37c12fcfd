"""MONAI's residual U-Net, for images of any size."""

import math

from torch import Tensor, nn

from medsize.networks.normalise import Normalise, Statistic
from medsize.networks.padding import pad_to_multiple


class UNet(nn.Module):
    """MONAI's ``UNet`` in two dimensions with instance normalisation and two residual units a level.

    It is trained from scratch. Any image size works: the image is padded by repeating its edge and the logits are
    cropped. MONAI is imported when a network is built, not with this package.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
        channels: Channels of each level, finest first.
        strides: Step from each level to the next, one fewer than ``channels``.
        mean: Subtracted from images in [0, 1]; one number or one per channel.
        std: Divided by.

    Attributes:
        net: MONAI's network.

    Raises:
        ValueError: A setting is impossible.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int,
        channels: tuple[int, ...] = (32, 64, 128, 256, 320),
        strides: tuple[int, ...] = (2, 2, 2, 2),
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
    ) -> None:
        super().__init__()
        from monai.networks.nets.unet import UNet as MonaiUNet

        if len(strides) != len(channels) - 1 or not strides:
            raise ValueError(
                f"strides: expected one fewer than channels (at least two), found {strides} for channels {channels}"
            )
        self.normalise = Normalise(in_channels=in_channels, mean=mean, std=std)
        self.stride = math.prod(strides)
        self.net = MonaiUNet(
            spatial_dims=2,
            in_channels=in_channels,
            out_channels=classes,
            channels=channels,
            strides=strides,
            num_res_units=2,
            norm="instance",
        )

    def forward(self, image: Tensor) -> Tensor:
        """Segment images.

        Args:
            image: (B, in_channels, H, W) in [0, 1].

        Returns:
            Logits (B, classes, H, W).

        Raises:
            ValueError: The image has another number of axes or channels, no pixels, or integer values.
        """
        # Two positions each way at least: one alone has no variance for the instance normalisation.
        padded, crop = pad_to_multiple(self.normalise(image), self.stride, minimum=2 * self.stride)
        logits: Tensor = self.net(padded)
        return logits[crop]
