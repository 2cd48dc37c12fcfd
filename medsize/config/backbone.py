"""What the configurations of networks over a backbone share."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from medsize.config.model import Model
from medsize.errors import InputError

if TYPE_CHECKING:
    from medsize.networks.backbone import BackboneFactory

Deviation = Annotated[float, Field(gt=0)]


class NetworkModel(Model):
    """A network, with the statistics of its images."""

    titles: ClassVar[Mapping[str, str]]
    """What people call each of its names."""

    name: str
    mean: float | tuple[float, float, float] = 0.5
    """Subtracted from the image, which is in [0, 1]; one number, or three for red, green and blue."""
    std: Deviation | tuple[Deviation, Deviation, Deviation] = 0.5
    """Divides the image after the mean. Stock torchvision weights were trained with about 0.449 and 0.226 (grey)."""
    start_from: Path | None = None
    """The folder of a run whose network this one starts from, with all its weights, averages if it has them (P3's
    transfer)."""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.titles[self.name]

    def common(self, *, in_channels: int) -> dict[str, Any]:
        """Return the arguments that every network takes.

        Raises:
            InputError: Three statistics meet an image that the network sees as one channel.
        """
        for name, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, tuple) and self.seen_channels(in_channels) != len(value):
                raise InputError(
                    f"network.{name} does not fit the images",
                    expected="one number, as the network sees one channel",
                    found=str(list(value)),
                    remedy="give one number, or network.one_channel=replicate where the network has that key",
                )
        return {"in_channels": in_channels, "mean": self.mean, "std": self.std}

    def seen_channels(self, in_channels: int) -> int:
        """Return how many channels the network behind the normalisation sees."""
        return in_channels


class BackboneModel(NetworkModel):
    """A network over a backbone with published weights."""

    weights: Path | None = None
    """Published weights of the backbone (.safetensors, .pth, .pt or .pth.tar); without them it starts from scratch."""
    one_channel: Literal["sum", "replicate"] = "sum"
    """How a grey image enters a three-channel encoder: its first kernel summed over channels, or the image repeated."""

    @model_validator(mode="after")
    def _starts_once(self) -> "BackboneModel":
        if self.weights is not None and self.start_from is not None:
            raise ValueError("give weights or start_from: what it starts from holds the backbone's weights too")
        return self

    def common(self, *, in_channels: int) -> dict[str, Any]:
        """Return the arguments that every network over a backbone takes."""
        return super().common(in_channels=in_channels) | {"one_channel": self.one_channel}

    def seen_channels(self, in_channels: int) -> int:
        """Return how many channels the backbone sees."""
        return 3 if in_channels == 1 and self.one_channel == "replicate" else in_channels


class FrozenBatchNorm(Model):
    """Whether the backbone's batch normalisation learns."""

    frozen_batch_norm: bool = False
    """Keep the backbone's batch normalisation as it was loaded, statistics and parameters; for small batches."""


def pyramid_backbone(name: str) -> "BackboneFactory":
    """Return what builds the convolutional backbone of a network's name, such as `resnet101_deeplabv3plus`."""
    from medsize import networks

    factories: dict[str, BackboneFactory] = {
        "mobilenetv2": networks.MobileNetV2,
        "resnet18": networks.resnet18,
        "resnet34": networks.resnet34,
        "resnet50": networks.resnet50,
        "resnet101": networks.resnet101,
        "resnext50": networks.resnext50,
        "wideresnet38": networks.WideResNet38,
        "vgg16": networks.VGG16,
    }
    return factories[name.split("_")[0]]
