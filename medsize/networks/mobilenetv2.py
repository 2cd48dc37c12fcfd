"""MobileNetV2 as an encoder, under torchvision's parameter names."""

from itertools import pairwise

from torch import Tensor, nn

from medsize.networks.backbone import Dilation, PyramidBackbone, initialise_convolutions
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
TAPS = (1, 3, 6, 13, 17)


class MobileNetV2(PyramidBackbone):
    """The convolutional part of MobileNetV2 (width 1.0) that returns features at five strides.

    Every parameter has torchvision's name and shape (``features.0.0.weight`` … ``features.17.conv.3.bias``), so a
    torchvision checkpoint fits as it is. The last 1×1 convolution (``features.18``) and the classifier serve
    whole-image classification and do not exist here.

    Args:
        in_channels: Channels of the input; torchvision's network has 3.
        output_stride: Input pixels for one position of the deepest map: 32, 16 or 8.

    Raises:
        ValueError: ``output_stride`` is none of 32, 16, 8.
    """

    channels = (16, 24, 32, 96, 320)
    stock_weights = "torchvision MobileNet_V2_Weights.IMAGENET1K_V1, file mobilenet_v2-b0353104.pth"
    first_kernel = "features.0.0.weight"

    def __init__(self, *, in_channels: int = 3, output_stride: int = 32) -> None:
        super().__init__(in_channels=in_channels, output_stride=output_stride)
        dilation = Dilation(output_stride)
        first = nn.Conv2d(in_channels, 32, 3, stride=dilation.take(2), padding=1, bias=False)
        layers: list[nn.Module] = [_bn_relu6(first)]
        channels = 32
        for expansion, out_channels, repeats, stage_stride in STAGES:
            for stride in (stage_stride,) + (1,) * (repeats - 1):
                before, kept = dilation.current, dilation.take(stride)
                layers.append(InvertedResidual(channels, out_channels, expansion, stride=kept, dilation=before))
                channels = out_channels
        self.features = nn.Sequential(*layers)
        initialise_convolutions(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the five maps of (B, in_channels, H, W), finest first."""
        maps = []
        feature = image
        for start, stop in pairwise((-1, *TAPS)):
            feature = self.features[start + 1 : stop + 1](feature)
            maps.append(feature)
        return tuple(maps)


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
