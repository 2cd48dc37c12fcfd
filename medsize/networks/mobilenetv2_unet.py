"""A light U-Net over MobileNetV2, for processors and for frozen encoders."""

from typing import Self

from torch import Tensor, nn

from medsize.networks.blocks import concat_resized, conv_bn_relu, full_resolution, resize
from medsize.networks.mobilenetv2 import MobileNetV2
from medsize.networks.normalise import Normalise, Statistic
from medsize.networks.padding import pad_to_multiple


class MobileNetV2UNet(nn.Module):
    """U-Net decoder over a MobileNetV2 encoder, as P3 "Regularized Loss for Single Class" uses it (UMobV2).

    Each level doubles the map bilinearly, concatenates the encoder's map of that stride (16, 8, 4, 2; none at
    stride 1) and applies two 3×3 convolutions with batch normalisation and ReLU.

    Any image size works: the image is padded by repeating its edge and the logits are cropped.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
        frozen_encoder: Keep the encoder as it is: its parameters take no gradient, and its batch normalisation
            stays in evaluation mode, also after ``train()``.
        decoder_channels: Channels of each level, coarsest (stride 16) first. With fewer than five levels the logits
            are computed at the last level's stride and resized bilinearly: four levels train much faster.
        one_channel: How a one-channel image meets a kernel trained on three: ``"sum"`` or ``"replicate"``
            (see ``Normalise``).
        mean: Subtracted from images in [0, 1]; one number or one per channel that the encoder sees.
        std: Divided by.

    Attributes:
        encoder: The ``MobileNetV2``.

    Raises:
        ValueError: A setting is impossible.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int,
        frozen_encoder: bool = False,
        decoder_channels: tuple[int, ...] = (256, 128, 64, 32, 16),
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
    ) -> None:
        super().__init__()
        if not 1 <= len(decoder_channels) <= 5:
            raise ValueError(f"decoder_channels: expected one to five levels, found {decoder_channels}")
        self.normalise = Normalise(in_channels=in_channels, one_channel=one_channel, mean=mean, std=std)
        self.encoder = MobileNetV2(in_channels=self.normalise.out_channels)
        self.frozen_encoder = frozen_encoder
        self.encoder.requires_grad_(not frozen_encoder)
        *skips, channels = self.encoder.channels
        self.decoder = nn.ModuleList()
        for out_channels, skip in zip(decoder_channels, [*reversed(skips), 0], strict=False):
            block = (conv_bn_relu(channels + skip, out_channels), conv_bn_relu(out_channels, out_channels))
            self.decoder.append(nn.Sequential(*block))
            channels = out_channels
        self.classifier = nn.Conv2d(channels, classes, 1)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen_encoder:
            self.encoder.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Segment images.

        Args:
            image: (B, in_channels, H, W) in [0, 1].

        Returns:
            Logits (B, classes, H, W), float32 under bfloat16 autocast too.

        Raises:
            ValueError: The image has another number of axes or channels, no pixels, or integer values.
        """
        stride = self.encoder.output_stride
        # Two positions each way at least: one alone has no variance for the batch normalisation.
        padded, crop = pad_to_multiple(self.normalise(image), stride, minimum=2 * stride)
        *skips, feature = self.encoder(padded)
        for block in self.decoder:
            joined = concat_resized(feature, skips.pop()) if skips else resize(feature, padded.shape[-2:])
            feature = block(joined)
        return full_resolution(self.classifier(feature), padded.shape[-2:])[crop]
