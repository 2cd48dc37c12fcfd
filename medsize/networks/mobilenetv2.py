"""MobileNetV2 as an encoder, under torchvision's parameter names."""

from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from medsize.networks.depthwise import DepthwiseConv2d

# Expansion, output channels, repeats and stride of each stage (Sandler et al., MobileNetV2, CVPR 2018, table 2).
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
OUTPUT_STRIDES = (8, 16, 32)


class MobileNetV2(nn.Module):
    """The convolutional part of MobileNetV2 (width 1.0) that returns features at five strides.

    Every parameter has torchvision's name and shape (``features.0.0.weight`` … ``features.17.conv.3.bias``), so a
    torchvision checkpoint fits as it is. The last 1×1 convolution (``features.18``) and the classifier serve
    whole-image classification and do not exist here.

    With an ``output_stride`` below 32 the late strides become dilations, as DeepLab does it: the block that would
    have halved the map keeps it, and every block behind it is dilated by 2 (then 4). The features of the
    undilated network are then exactly those of the dilated one, taken at every second (fourth) position.

    Args:
        in_channels: Channels of the input; torchvision's network has 3.
        output_stride: Input pixels for one position of the deepest map: 32, 16 or 8.

    Attributes:
        channels: Channels of the five returned maps.
        strides: Input pixels for one position of each of them.
        stock_weights: Where the published ImageNet weights come from.
        first_kernel: The one parameter whose shape depends on ``in_channels``.

    Raises:
        ValueError: ``output_stride`` is none of 32, 16, 8.
    """

    channels: ClassVar[tuple[int, ...]] = (16, 24, 32, 96, 320)
    stock_weights: ClassVar[str] = "torchvision MobileNet_V2_Weights.IMAGENET1K_V1, file mobilenet_v2-b0353104.pth"
    first_kernel: ClassVar[str] = "features.0.0.weight"
    _taps: ClassVar[tuple[int, ...]] = (1, 3, 6, 13, 17)

    def __init__(self, *, in_channels: int = 3, output_stride: int = 32) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise ValueError(f"output_stride: expected one of {OUTPUT_STRIDES}, found {output_stride}")
        self.in_channels = in_channels
        self.output_stride = output_stride
        self.strides = tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))
        layers: list[nn.Module] = [_bn_relu6(nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False))]
        channels, reached, dilation = 32, 2, 1
        for expansion, out_channels, repeats, stage_stride in STAGES:
            for stride in (stage_stride,) + (1,) * (repeats - 1):
                kept = stride if reached * stride <= output_stride else 1
                layers.append(InvertedResidual(channels, out_channels, expansion, stride=kept, dilation=dilation))
                dilation *= stride // kept
                reached *= kept
                channels = out_channels
        self.features = nn.Sequential(*layers)
        self._initialise()

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            image: (B, in_channels, H, W), standardised as the weights expect.

        Returns:
            Five maps (B, C, ⌈H/stride⌉, ⌈W/stride⌉), finest first, with the ``channels`` and ``strides`` of the class.
        """
        maps = []
        feature = image
        for start, stop in pairwise((-1, *self._taps)):
            feature = self.features[start + 1 : stop + 1](feature)
            maps.append(feature)
        return tuple(maps)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")


class InvertedResidual(nn.Module):
    """Expand by 1×1, filter each channel by 3×3, project by 1×1, and add the input where the shapes agree.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        expansion: Factor from ``in_channels`` to the channels of the 3×3 filters; 1 leaves the first 1×1 out.
        stride: Stride of the 3×3 filters.
        dilation: Dilation of the 3×3 filters.
    """

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, *, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.residual = stride == 1 and in_channels == out_channels
        layers: list[nn.Module] = []
        if expansion > 1:
            layers.append(_bn_relu6(nn.Conv2d(in_channels, hidden, 1, bias=False)))
        layers += [
            _bn_relu6(DepthwiseConv2d(hidden, stride=stride, dilation=dilation)),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, feature: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)."""
        out: Tensor = self.conv(feature)
        return feature + out if self.residual else out


def _bn_relu6(conv: nn.Conv2d) -> nn.Sequential:
    # Not in place: autograd would keep a copy of the input of an in-place ReLU6, which is slower.
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU6())
