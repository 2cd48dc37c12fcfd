"""Which network a run trains."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from medsize.config.model import Model

if TYPE_CHECKING:
    from torch import nn


Channels = Annotated[int, Field(ge=1)]


class _Network(Model):
    mean: float = 0.5
    """Subtracted from the image, which is in [0, 1]."""
    std: float = Field(default=0.5, gt=0)
    """Divides the image after the mean. Stock torchvision weights were trained with about 0.449 and 0.226."""


class _MobileNetV2Network(_Network):
    weights: Path | None = None
    """ImageNet MobileNetV2 (.safetensors, or torchvision's .pth); without it the encoder starts from scratch."""
    one_channel: Literal["sum", "replicate"] = "sum"
    """How a grey image enters a three-channel encoder: its first kernel summed over channels, or the image repeated."""


class DeepLabV3PlusConfig(_MobileNetV2Network):
    """MobileNetV2-DeepLabV3+, the papers' network for ACDC."""

    name: Literal["mobilenetv2_deeplabv3plus"] = "mobilenetv2_deeplabv3plus"
    output_stride: Literal[8, 16] = 16
    """Input pixels for one position of the deepest features; 8 is finer and slower."""

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import DeepLabV3Plus

        return DeepLabV3Plus(
            in_channels=in_channels,
            classes=classes,
            output_stride=self.output_stride,
            one_channel=self.one_channel,
            mean=self.mean,
            std=self.std,
        )


class MobileNetV2UNetConfig(_MobileNetV2Network):
    """A UNet whose encoder is MobileNetV2."""

    name: Literal["mobilenetv2_unet"]
    frozen_encoder: bool = False
    """Keep the encoder as it was loaded (P3 does)."""
    decoder_channels: Annotated[tuple[Channels, ...], Field(min_length=1, max_length=5)] | None = None
    """Channels of the decoder, deepest first; by default the network's own."""

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import MobileNetV2UNet

        channels = {} if self.decoder_channels is None else {"decoder_channels": self.decoder_channels}
        return MobileNetV2UNet(
            in_channels=in_channels,
            classes=classes,
            frozen_encoder=self.frozen_encoder,
            one_channel=self.one_channel,
            mean=self.mean,
            std=self.std,
            **channels,
        )


class UNetConfig(_Network):
    """MONAI's residual UNet, from scratch."""

    name: Literal["unet"]
    channels: tuple[Channels, ...] = Field(default=(32, 64, 128, 256, 320), min_length=2)
    """Channels of each level, finest first."""

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import UNet

        return UNet(
            in_channels=in_channels,
            classes=classes,
            channels=self.channels,
            strides=(2,) * (len(self.channels) - 1),
            mean=self.mean,
            std=self.std,
        )


NetworkConfig = Annotated[DeepLabV3PlusConfig | MobileNetV2UNetConfig | UNetConfig, Field(discriminator="name")]
