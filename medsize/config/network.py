"""Which network a run trains."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from medsize.config.backbone import BackboneModel, FrozenBatchNorm, NetworkModel, pyramid_backbone

if TYPE_CHECKING:
    from torch import nn


Channels = Annotated[int, Field(ge=1)]


class DeepLabV3PlusConfig(BackboneModel, FrozenBatchNorm):
    """DeepLabV3+: over MobileNetV2 P0's network for ACDC, over ResNet-101 and WideResNet-38 its networks for photos."""

    titles: ClassVar[Mapping[str, str]] = {
        "mobilenetv2_deeplabv3plus": "MobileNetV2-DeepLabV3+",
        "resnet18_deeplabv3plus": "ResNet18-DeepLabV3+",
        "resnet34_deeplabv3plus": "ResNet34-DeepLabV3+",
        "resnet50_deeplabv3plus": "ResNet50-DeepLabV3+",
        "resnet101_deeplabv3plus": "ResNet101-DeepLabV3+",
        "resnext50_deeplabv3plus": "ResNeXt50-DeepLabV3+",
        "wideresnet38_deeplabv3plus": "WideResNet38-DeepLabV3+",
        "vgg16_deeplabv3plus": "VGG16-DeepLabV3+",
    }

    name: Literal[
        "mobilenetv2_deeplabv3plus",
        "resnet18_deeplabv3plus",
        "resnet34_deeplabv3plus",
        "resnet50_deeplabv3plus",
        "resnet101_deeplabv3plus",
        "resnext50_deeplabv3plus",
        "wideresnet38_deeplabv3plus",
        "vgg16_deeplabv3plus",
    ] = "mobilenetv2_deeplabv3plus"
    output_stride: Literal[8, 16] = 16
    """Input pixels for one position of the deepest features; 8 is finer and slower."""

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import DeepLabV3Plus

        return DeepLabV3Plus(
            classes=classes,
            backbone=pyramid_backbone(self.name),
            output_stride=self.output_stride,
            frozen_batch_norm=self.frozen_batch_norm,
            **self.common(in_channels=in_channels),
        )


class DeepLabV2Config(BackboneModel, FrozenBatchNorm):
    """DeepLabV2 over ResNet-101 at output stride 8, P4's network."""

    titles: ClassVar[Mapping[str, str]] = {
        "resnet101_deeplabv2": "ResNet101-DeepLabV2",
    }

    name: Literal["resnet101_deeplabv2"]

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import DeepLabV2

        common = self.common(in_channels=in_channels)
        return DeepLabV2(classes=classes, frozen_batch_norm=self.frozen_batch_norm, **common)


class LargeFOVConfig(BackboneModel):
    """DeepLab-LargeFOV over VGG16 at output stride 8, P2's network."""

    titles: ClassVar[Mapping[str, str]] = {
        "vgg16_largefov": "DeepLab-LargeFOV over VGG16",
    }

    name: Literal["vgg16_largefov"]

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import DeepLabLargeFOV

        return DeepLabLargeFOV(classes=classes, **self.common(in_channels=in_channels))


class SegmenterConfig(BackboneModel):
    """Segmenter: a Vision Transformer with patches of 16 pixels and a linear decoder; P1 has ViT-B."""

    titles: ClassVar[Mapping[str, str]] = {
        "vit_s16_segmenter": "Segmenter over ViT-S/16",
        "vit_b16_segmenter": "Segmenter over ViT-B/16",
    }

    name: Literal["vit_s16_segmenter", "vit_b16_segmenter"]
    image_size: int = Field(default=512, ge=16, multiple_of=16)
    """Side of the training images in pixels, whose position embeddings are learned; other sizes interpolate them."""

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import Segmenter, vit_base, vit_small

        return Segmenter(
            classes=classes,
            backbone=vit_small if self.name == "vit_s16_segmenter" else vit_base,
            image_size=self.image_size,
            **self.common(in_channels=in_channels),
        )


class BackboneUNetConfig(BackboneModel):
    """A UNet over a backbone; with `frozen_encoder: true` P3's UMobV2, or its UResNext over ResNeXt-50."""

    titles: ClassVar[Mapping[str, str]] = {
        "mobilenetv2_unet": "UNet over MobileNetV2",
        "resnext50_unet": "UNet over ResNeXt-50",
    }

    name: Literal["mobilenetv2_unet", "resnext50_unet"]
    frozen_encoder: bool = False
    """Keep the encoder as it was loaded (P3 does)."""
    decoder_channels: Annotated[tuple[Channels, ...], Field(min_length=1, max_length=5)] | None = None
    """Channels of the decoder, deepest first; by default the network's own."""

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import BackboneUNet

        arguments = self.common(in_channels=in_channels)
        if self.decoder_channels is not None:
            arguments["decoder_channels"] = self.decoder_channels
        return BackboneUNet(
            classes=classes,
            backbone=pyramid_backbone(self.name),
            frozen_encoder=self.frozen_encoder,
            **arguments,
        )


class UNetConfig(NetworkModel):
    """MONAI's residual UNet, from scratch."""

    titles: ClassVar[Mapping[str, str]] = {
        "unet": "Residual UNet",
    }

    name: Literal["unet"]
    channels: tuple[Channels, ...] = Field(default=(32, 64, 128, 256, 320), min_length=2)
    """Channels of each level, finest first."""

    def build(self, *, in_channels: int, classes: int) -> "nn.Module":
        """Return the network, freshly initialised, for ``classes`` classes (background included)."""
        from medsize.networks import UNet

        return UNet(
            classes=classes,
            channels=self.channels,
            strides=(2,) * (len(self.channels) - 1),
            **self.common(in_channels=in_channels),
        )


NetworkConfig = Annotated[
    DeepLabV3PlusConfig | DeepLabV2Config | LargeFOVConfig | SegmenterConfig | BackboneUNetConfig | UNetConfig,
    Field(discriminator="name"),
]
