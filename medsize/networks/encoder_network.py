"""What the networks over a backbone share: the way from an image to maps, and from logits to the image's size."""

from collections.abc import Callable
from typing import Self

from torch import Tensor, nn

from medsize.networks.backbone import Backbone
from medsize.networks.blocks import full_resolution
from medsize.networks.normalise import Normalise, Statistic
from medsize.networks.padding import pad_to_multiple


class EncoderNetwork(nn.Module):
    """A segmentation network: standardise, pad, encode by a backbone, decode, and resize the logits to the image.

    A network over a backbone adds its layers and says in ``decode`` how maps become logits. Any image size works:
    the image is padded by repeating its edge and the logits are cropped.

    Args:
        backbone: Builds the backbone from ``in_channels``.
        in_channels: Channels of the images.
        one_channel: How a one-channel image meets a kernel trained on three: ``"sum"`` or ``"replicate"``
            (see ``Normalise``).
        mean: Subtracted from images in [0, 1]; one number or one per channel that the encoder sees.
        std: Divided by.
        frozen_encoder: Keep the encoder as it is: its parameters take no gradient, and it stays in evaluation mode,
            also after ``train()``.
        frozen_batch_norm: Keep only its batch normalisation as it is, parameters and statistics.

    Attributes:
        encoder: The backbone.

    Raises:
        ValueError: A setting is impossible.
    """

    def __init__(
        self,
        backbone: Callable[..., Backbone],
        *,
        in_channels: int,
        one_channel: str = "sum",
        mean: Statistic = 0.5,
        std: Statistic = 0.5,
        frozen_encoder: bool = False,
        frozen_batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(in_channels=in_channels, one_channel=one_channel, mean=mean, std=std)
        self.encoder = backbone(in_channels=self.normalise.out_channels)
        self.frozen_encoder = frozen_encoder
        self.frozen_batch_norm = frozen_batch_norm
        for module in self._frozen():
            module.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set training mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        for module in self._frozen():
            module.eval()
        return self

    def decode(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Compute logits (B, classes, h, w) at any resolution from the encoder's maps.

        Args:
            maps: Of the padded image, finest first; its sides are multiples of the encoder's output stride.
        """
        raise NotImplementedError  # of this class alone: what it promises, each network computes in its own way

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
        return full_resolution(self.decode(self.encoder(padded)), padded.shape[-2:])[crop]

    def _frozen(self) -> list[nn.Module]:
        if self.frozen_encoder:
            return [self.encoder]
        if self.frozen_batch_norm:
            return [module for module in self.encoder.modules() if isinstance(module, nn.BatchNorm2d)]
        return []
