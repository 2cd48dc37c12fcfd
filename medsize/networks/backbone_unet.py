"""A U-Net over a backbone, for processors and for frozen encoders."""

import torch
from torch import Tensor, nn

from medsize.networks.backbone import BackboneFactory
from medsize.networks.blocks import concat_resized, conv_bn_relu, resize
from medsize.networks.encoder_network import EncoderNetwork
from medsize.networks.mobilenetv2 import MobileNetV2
from medsize.networks.normalise import Statistic


class BackboneUNet(EncoderNetwork):
    """U-Net decoder over a convolutional backbone, as P3 "Regularized Loss for Single Class" uses it.

    Over a frozen MobileNetV2 it is P3's UMobV2, over a frozen ResNeXt-50 its UResNext. Each level doubles the map
    bilinearly, concatenates the encoder's map of that stride (16, 8, 4, 2; none at stride 1) and applies two 3×3
    convolutions with batch normalisation and ReLU. P3 does not give its decoder's channels.

    Any image size works: the image is padded by repeating its edge and the logits are cropped.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
        backbone: Builds the backbone, one of five maps, from ``in_channels``.
        frozen_encoder: Keep the encoder as it is: its parameters take no gradient, and its batch normalisation
            stays in evaluation mode, also after ``train()``.
        decoder_channels: Channels of each level, coarsest (stride 16) first. With fewer than five levels the logits
            are computed at the last level's stride and resized bilinearly: four levels train much faster.
        one_channel: How a one-channel image meets a kernel trained on three: ``"sum"`` or ``"replicate"``
            (see ``Normalise``).
        mean: Subtracted from images in [0, 1]; one number or one per channel that the encoder sees.
        std: Divided by.

    Raises:
        ValueError: A setting is impossible.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int,
        backbone: BackboneFactory = MobileNetV2,
        frozen_encoder: bool = False,
        decoder_channels: tuple[int, ...] = (256, 128, 64, 32, 16),
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
    ) -> None:
        if not 1 <= len(decoder_channels) <= 5:
            raise ValueError(f"decoder_channels: expected one to five levels, found {decoder_channels}")
        super().__init__(
            backbone,
            in_channels=in_channels,
            one_channel=one_channel,
            mean=mean,
            std=std,
            frozen_encoder=frozen_encoder,
        )
        *skips, channels = self.encoder.channels
        self.decoder = nn.ModuleList()
        for out_channels, skip in zip(decoder_channels, [*reversed(skips), 0], strict=False):
            block = (conv_bn_relu(channels + skip, out_channels), conv_bn_relu(out_channels, out_channels))
            self.decoder.append(nn.Sequential(*block))
            channels = out_channels
        self.classifier = nn.Conv2d(channels, classes, 1)

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Compute logits at the last level's stride from the encoder's maps."""
        *skips, feature = maps
        for block in self.decoder:
            if skips:
                joined = concat_resized(feature, skips.pop())
            else:
                height, width = feature.shape[-2:]
                joined = resize(feature, torch.Size((2 * height, 2 * width)))
            feature = block(joined)
        logits: Tensor = self.classifier(feature)
        return logits
