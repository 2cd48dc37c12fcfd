"""DeepLabV3+ over MobileNetV2: the network of the size-target experiments on ACDC."""

from torch import Tensor, nn

from medsize.networks.aspp import ASPP
from medsize.networks.blocks import concat_resized, conv_bn_relu, full_resolution
from medsize.networks.mobilenetv2 import MobileNetV2
from medsize.networks.normalise import Normalise, Statistic
from medsize.networks.padding import pad_to_multiple

# ASPP's dilation rates by output stride: halving the stride doubles them, so that they span the same pixels.
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}


class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ over MobileNetV2, as P0 "Approximate Size Targets" uses it on ACDC.

    Sources: Chen et al., DeepLabV3+, ECCV 2018; Sandler et al., MobileNetV2, CVPR 2018. The encoder's last map
    (320 channels) goes through ``ASPP``; the decoder resizes it to stride 4, concatenates the encoder's stride-4 map
    reduced to 48 channels, applies two plain 3×3 convolutions of 256 channels and the 1×1 classifier, and resizes
    the logits to the image once, bilinearly. Dropout is the authors' single one (0.1, in ASPP); some ports add
    more in the decoder.

    Any image size works: the image is padded by repeating its edge and the logits are cropped.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
        output_stride: Image pixels for one position of the deepest map, 16 or 8.
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
        output_stride: int = 16,
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
    ) -> None:
        super().__init__()
        if output_stride not in RATES:
            raise ValueError(f"output_stride: expected one of {', '.join(map(str, RATES))}, found {output_stride}")
        self.normalise = Normalise(in_channels=in_channels, one_channel=one_channel, mean=mean, std=std)
        self.encoder = MobileNetV2(in_channels=self.normalise.out_channels, output_stride=output_stride)
        self.aspp = ASPP(self.encoder.channels[-1], rates=RATES[output_stride])
        self.low_level = conv_bn_relu(self.encoder.channels[1], 48, kernel=1)
        self.decoder = nn.Sequential(conv_bn_relu(256 + 48, 256), conv_bn_relu(256, 256))
        self.classifier = nn.Conv2d(256, classes, 1)

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
        maps = self.encoder(padded)
        fused = concat_resized(self.aspp(maps[-1]), self.low_level(maps[1]))
        logits = self.classifier(self.decoder(fused))
        return full_resolution(logits, padded.shape[-2:])[crop]
