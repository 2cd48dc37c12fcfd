"""DeepLab-LargeFOV over VGG16: the network of Seed, Expand and Constrain."""

from functools import partial

from torch import Tensor, nn

from medsize.networks.encoder_network import EncoderNetwork
from medsize.networks.normalise import Statistic
from medsize.networks.vgg16 import VGG16


class DeepLabLargeFOV(EncoderNetwork):
    """DeepLab-LargeFOV over VGG16 at output stride 8, as P2 "Seed, Expand and Constrain" uses it.

    Behind the last pool lies an average pool, then ``fc6`` (3×3, dilation 12) and ``fc7`` (1×1), both of 1,024
    channels with ReLU and dropout 0.5, and the classifier: 321² pixels give logits at 41². The logits are resized to
    the image bilinearly. ``fc6`` and ``fc7`` start from scratch: the published VGG16 has 4,096 channels there.

    Source: Chen et al., DeepLab, ICLR 2015, section 4.3 and the authors' LargeFOV model; the classifier starts at
    N(0, 0.01), as in P2.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
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
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
    ) -> None:
        super().__init__(
            partial(VGG16, output_stride=8), in_channels=in_channels, one_channel=one_channel, mean=mean, std=std
        )
        self.average = nn.AvgPool2d(3, 1, 1)
        self.fc6 = nn.Conv2d(self.encoder.channels[-1], 1024, 3, padding=12, dilation=12)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Conv2d(1024, classes, 1)
        for layer in (self.fc6, self.fc7):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, std=0.01)
        for layer in (self.fc6, self.fc7, self.classifier):
            nn.init.zeros_(layer.get_parameter("bias"))

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Compute logits (B, classes, H/8, W/8) from the encoder's maps."""
        feature = self.average(maps[-1])
        for layer in (self.fc6, self.fc7):
            feature = self.dropout(layer(feature).relu())
        logits: Tensor = self.classifier(feature)
        return logits
