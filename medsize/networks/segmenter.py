"""Segmenter: a Vision Transformer and one linear layer."""

from functools import partial

from torch import Tensor, nn

from medsize.networks.backbone import BackboneFactory
from medsize.networks.encoder_network import EncoderNetwork
from medsize.networks.normalise import Statistic
from medsize.networks.vit import vit_base


class Segmenter(EncoderNetwork):
    """Segmenter with the linear decoder, as P1 "Approximate Size Targets" uses it over ViT-B/16.

    Each patch token is mapped to logits by one linear layer, and the logits are resized to the image bilinearly.

    Source: Strudel et al., Segmenter, ICCV 2021, section 3.2.

    Args:
        in_channels: Channels of the images.
        classes: Channels of the logits, background included.
        backbone: Builds the transformer from ``in_channels`` and ``image_size``.
        image_size: Side in pixels of the images whose position embeddings are learned; those of other sizes are
            interpolated from them.
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
        backbone: BackboneFactory = vit_base,
        image_size: int = 512,
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
    ) -> None:
        super().__init__(
            partial(backbone, image_size=image_size),
            in_channels=in_channels,
            one_channel=one_channel,
            mean=mean,
            std=std,
        )
        # a 1×1 convolution is the linear layer on every token
        self.classifier = nn.Conv2d(self.encoder.channels[-1], classes, 1)
        nn.init.trunc_normal_(self.classifier.weight, std=0.02)
        nn.init.zeros_(self.classifier.get_parameter("bias"))

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Compute logits (B, classes, H/16, W/16) from the encoder's map."""
        logits: Tensor = self.classifier(maps[-1])
        return logits
