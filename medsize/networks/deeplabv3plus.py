"""DeepLabV3+: over MobileNetV2 the network of the size-target experiments on ACDC, over larger ones that on photos."""

from functools import partial

from torch import Tensor, nn

from medsize.networks.aspp import ASPP
from medsize.networks.backbone import BackboneFactory
from medsize.networks.blocks import concat_resized, conv_bn_relu
from medsize.networks.encoder_network import EncoderNetwork
from medsize.networks.mobilenetv2 import MobileNetV2
from medsize.networks.normalise import Statistic

# ASPP's dilation rates by output stride: halving the stride doubles them, so that they span the same pixels.
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}


class DeepLabV3Plus(EncoderNetwork):
    """DeepLabV3+ over a convolutional backbone, as P0 "Approximate Size Targets" uses it.

    Sources: Chen et al., DeepLabV3+, ECCV 2018; P0 has MobileNetV2 on ACDC, ResNet-101 and WideResNet-38 on photos.
    The encoder's last map goes through ``ASPP``; the decoder resizes it to stride 4, concatenates the encoder's
    stride-4 map reduced to 48 channels, applies two plain 3×3 convolutions of 256 channels and the 1×1 classifier,
    and resizes the logits to the image once, bilinearly. Dropout is the authors' single one (0.1, in ASPP); some
    ports add more in the decoder.

    Any image size works: the image is padded by repeating its edge and the logits are cropped.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
        backbone: Builds the backbone, one of five maps, from ``in_channels`` and ``output_stride``.
        output_stride: Image pixels for one position of the deepest map, 16 or 8.
        one_channel: How a one-channel image meets a kernel trained on three: ``"sum"`` or ``"replicate"``
            (see ``Normalise``).
        mean: Subtracted from images in [0, 1]; one number or one per channel that the encoder sees.
        std: Divided by.
        frozen_batch_norm: Keep the encoder's batch normalisation as it was loaded.

    Raises:
        ValueError: A setting is impossible.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int,
        backbone: BackboneFactory = MobileNetV2,
        output_stride: int = 16,
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
        frozen_batch_norm: bool = False,
    ) -> None:
        if output_stride not in RATES:
            raise ValueError(f"output_stride: expected one of {', '.join(map(str, RATES))}, found {output_stride}")
        super().__init__(
            partial(backbone, output_stride=output_stride),
            in_channels=in_channels,
            one_channel=one_channel,
            mean=mean,
            std=std,
            frozen_batch_norm=frozen_batch_norm,
        )
        self.aspp = ASPP(self.encoder.channels[-1], rates=RATES[output_stride])
        self.low_level = conv_bn_relu(self.encoder.channels[1], 48, kernel=1)
        self.decoder = nn.Sequential(conv_bn_relu(256 + 48, 256), conv_bn_relu(256, 256))
        self.classifier = nn.Conv2d(256, classes, 1)

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Compute logits (B, classes, H/4, W/4) from the encoder's maps."""
        fused = concat_resized(self.aspp(maps[-1]), self.low_level(maps[1]))
        logits: Tensor = self.classifier(self.decoder(fused))
        return logits
