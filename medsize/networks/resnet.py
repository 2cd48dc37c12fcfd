"""ResNet and ResNeXt as encoders, under torchvision's parameter names."""

from torch import Tensor, nn

from medsize.networks.backbone import Dilation, PyramidBackbone, initialise_convolutions

# Blocks of each stage (He et al., Deep Residual Learning, CVPR 2016, table 1).
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
WIDTHS = (64, 128, 256, 512)


class ResNet(PyramidBackbone):
    """ResNet-18, -34, -50 or -101, or ResNeXt-50, without pooling and classifier, as five maps.

    Every parameter has torchvision's name and shape (``conv1.weight`` … ``layer4.2.bn3.bias``), so its checkpoints
    fit as they are. The stride of a bottleneck is in its 3×3 convolution, as in torchvision. The first map is that
    of the stem before pooling, the others are those of the four stages. Dilation as in ``PyramidBackbone``, also
    for the two-layer blocks of ResNet-18 and -34, which torchvision itself does not dilate.

    Sources: He et al., CVPR 2016; Xie et al., "Aggregated Residual Transformations" (ResNeXt), CVPR 2017.

    Args:
        depth: 18, 34, 50 or 101.
        in_channels: Channels of the input; torchvision's networks have 3.
        output_stride: Input pixels for one position of the deepest map: 32, 16 or 8.
        groups: Groups of the 3×3 convolutions of a bottleneck.
        group_width: Channels of one group in the first stage.
        stock_weights: Which published weights fit.

    Raises:
        ValueError: ``output_stride`` is none of 32, 16, 8.
    """

    first_kernel = "conv1.weight"

    def __init__(
        self,
        depth: int,
        *,
        in_channels: int = 3,
        output_stride: int = 32,
        groups: int = 1,
        group_width: int = 64,
        stock_weights: str,
    ) -> None:
        super().__init__(in_channels=in_channels, output_stride=output_stride)
        self.stock_weights = stock_weights
        dilation = Dilation(output_stride)
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=dilation.take(2), padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=dilation.take(2), padding=1)
        channels, reached = 64, [64]
        for stage, (width, blocks) in enumerate(zip(WIDTHS, BLOCKS[depth], strict=True), 1):
            layers: list[nn.Module] = []
            for block in range(blocks):
                before = dilation.current
                stride = dilation.take(2 if stage > 1 and block == 0 else 1)
                if depth < 50:
                    layers.append(
                        BasicBlock(channels, width, stride=stride, dilation=before, second_dilation=dilation.current)
                    )
                    channels = width
                else:
                    hidden = width * group_width // 64 * groups
                    layers.append(
                        Bottleneck(channels, hidden, 4 * width, stride=stride, dilation=before, groups=groups)
                    )
                    channels = 4 * width
            self.add_module(f"layer{stage}", nn.Sequential(*layers))
            reached.append(channels)
        self.channels = tuple(reached)
        initialise_convolutions(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the five maps of (B, in_channels, H, W), finest first."""
        maps = [self.relu(self.bn1(self.conv1(image)))]
        feature = self.maxpool(maps[0])
        for stage in range(1, 5):
            feature = self.get_submodule(f"layer{stage}")(feature)
            maps.append(feature)
        return tuple(maps)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut.

    Args:
        in_channels: Channels in.
        channels: Channels out.
        stride: Stride of the first convolution and of the shortcut.
        dilation: Dilation of the first convolution.
        second_dilation: Dilation of the second.
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int, dilation: int, second_dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, second_dilation, second_dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(in_channels, channels, stride)

    def forward(self, feature: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, ⌈H/stride⌉, ⌈W/stride⌉)."""
        hidden = self.relu(self.bn1(self.conv1(feature)))
        shortcut = feature if self.downsample is None else self.downsample(feature)
        out: Tensor = self.relu(self.bn2(self.conv2(hidden)) + shortcut)
        return out


class Bottleneck(nn.Module):
    """A 1×1, a (grouped) 3×3 and a 1×1 convolution beside a shortcut.

    Args:
        in_channels: Channels in.
        hidden: Channels of the 3×3 convolution.
        channels: Channels out.
        stride: Stride of the 3×3 convolution and of the shortcut.
        dilation: Dilation of the 3×3 convolution.
        groups: Its groups.
    """

    def __init__(
        self, in_channels: int, hidden: int, channels: int, *, stride: int, dilation: int, groups: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride, dilation, dilation, groups, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, channels, stride)

    def forward(self, feature: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, ⌈H/stride⌉, ⌈W/stride⌉)."""
        hidden = self.relu(self.bn1(self.conv1(feature)))
        hidden = self.relu(self.bn2(self.conv2(hidden)))
        shortcut = feature if self.downsample is None else self.downsample(feature)
        out: Tensor = self.relu(self.bn3(self.conv3(hidden)) + shortcut)
        return out


def _shortcut(in_channels: int, channels: int, stride: int) -> nn.Sequential | None:
    # Where a stride became a dilation the channels still differ, so the published projection keeps its place.
    if stride == 1 and in_channels == channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))


def resnet18(*, in_channels: int = 3, output_stride: int = 32) -> ResNet:
    """Build ResNet-18."""
    stock = "torchvision ResNet18_Weights.IMAGENET1K_V1, file resnet18-f37072fd.pth"
    return ResNet(18, in_channels=in_channels, output_stride=output_stride, stock_weights=stock)


def resnet34(*, in_channels: int = 3, output_stride: int = 32) -> ResNet:
    """Build ResNet-34."""
    stock = "torchvision ResNet34_Weights.IMAGENET1K_V1, file resnet34-b627a593.pth"
    return ResNet(34, in_channels=in_channels, output_stride=output_stride, stock_weights=stock)


def resnet50(*, in_channels: int = 3, output_stride: int = 32) -> ResNet:
    """Build ResNet-50."""
    stock = "torchvision ResNet50_Weights.IMAGENET1K_V1, file resnet50-0676ba61.pth"
    return ResNet(50, in_channels=in_channels, output_stride=output_stride, stock_weights=stock)


def resnet101(*, in_channels: int = 3, output_stride: int = 32) -> ResNet:
    """Build ResNet-101."""
    stock = "torchvision ResNet101_Weights.IMAGENET1K_V1, file resnet101-63fe2227.pth"
    return ResNet(101, in_channels=in_channels, output_stride=output_stride, stock_weights=stock)


def resnext50(*, in_channels: int = 3, output_stride: int = 32) -> ResNet:
    """Build ResNeXt-50 (32×4d)."""
    return ResNet(
        50,
        in_channels=in_channels,
        output_stride=output_stride,
        groups=32,
        group_width=4,
        stock_weights="torchvision ResNeXt50_32X4D_Weights.IMAGENET1K_V1, file resnext50_32x4d-7cdf4587.pth",
    )
