"""DeepLabV2 over ResNet-101: the network of the work on small objects."""

from functools import partial

from torch import Tensor, nn

from medsize.networks.backbone import BackboneFactory
from medsize.networks.encoder_network import EncoderNetwork
from medsize.networks.normalise import Statistic
from medsize.networks.resnet import resnet101

RATES = (6, 12, 18, 24)


class DeepLabV2(EncoderNetwork):
    """DeepLabV2 over a dilated backbone of output stride 8, as P4 "Small Objects Matters" uses it.

    The logits are the sum of four dilated 3×3 classifiers (ASPP-L: 6, 12, 18, 24) on the encoder's last map, resized
    to the image bilinearly. The authors' three scales of the image, merged by their maximum, are left out, as is
    usual today. Their ResNet has its stride in the first 1×1 convolution of a bottleneck; torchvision's, whose
    weights fit here, has it in the 3×3.

    Source: Chen et al., DeepLab, TPAMI 2018, section 3.2; classifiers start at N(0, 0.01) as in the authors' code.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
        backbone: Builds the backbone from ``in_channels`` and ``output_stride``.
        one_channel: How a one-channel image meets a kernel trained on three: ``"sum"`` or ``"replicate"``
            (see ``Normalise``).
        mean: Subtracted from images in [0, 1]; one number or one per channel that the encoder sees.
        std: Divided by.
        frozen_batch_norm: Keep the encoder's batch normalisation as it was loaded, as the authors do.

    Raises:
        ValueError: A setting is impossible.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int,
        backbone: BackboneFactory = resnet101,
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
        frozen_batch_norm: bool = False,
    ) -> None:
        super().__init__(
            partial(backbone, output_stride=8),
            in_channels=in_channels,
            one_channel=one_channel,
            mean=mean,
            std=std,
            frozen_batch_norm=frozen_batch_norm,
        )
        channels = self.encoder.channels[-1]
        self.classifiers = nn.ModuleList(nn.Conv2d(channels, classes, 3, 1, rate, rate) for rate in RATES)
        for classifier in self.classifiers.children():
            nn.init.normal_(classifier.get_parameter("weight"), std=0.01)
            nn.init.zeros_(classifier.get_parameter("bias"))

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Compute logits (B, classes, H/8, W/8) from the encoder's maps."""
        logits: Tensor = sum(classifier(maps[-1]) for classifier in self.classifiers)
        return logits
