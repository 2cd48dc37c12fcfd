"""WideResNet-38 as an encoder, under the parameter names that weakly supervised segmentation uses."""

from torch import Tensor, nn
from torch.nn import functional as F

from medsize.networks.backbone import Dilation, PyramidBackbone, initialise_convolutions

# Name, hidden channels, channels, blocks and stride of each stage of plain blocks (Wu et al., model A1).
STAGES = (("b2", 128, 128, 3, 2), ("b3", 256, 256, 3, 2), ("b4", 512, 512, 6, 2), ("b5", 512, 1024, 3, 2))


class WideResNet38(PyramidBackbone):
    """WideResNet-38 (model A1) without its classifier, as five maps.

    Names and shapes are those of ``resnet38d`` of AffinityNet (Ahn and Kwak, CVPR 2018), which most weakly
    supervised work since has kept: ``conv1a``, ``b2.conv_branch2a`` … ``b7.conv_branch2b2``, ``bn7``. Its blocks
    normalise before they convolve, so a map is what the next block's first normalisation and ReLU make of it.
    With ``output_stride=8`` the dilations are ``resnet38d``'s own.

    Source: Wu, Shen and van den Hengel, "Wider or Deeper: Revisiting the ResNet Model for Visual Recognition",
    Pattern Recognition 2019 (arXiv 2016); dropout 0.3 and 0.5 of whole channels in the last two blocks.

    Args:
        in_channels: Channels of the input; the published network has 3.
        output_stride: Input pixels for one position of the deepest map: 32, 16 or 8.

    Raises:
        ValueError: ``output_stride`` is none of 32, 16, 8.
    """

    channels = (128, 256, 512, 1024, 4096)
    stock_weights = "ilsvrc-cls_rna-a1_cls1000_ep-0001.pth (ademxapp's model A1 under the names of resnet38d)"
    first_kernel = "conv1a.weight"

    def __init__(self, *, in_channels: int = 3, output_stride: int = 32) -> None:
        super().__init__(in_channels=in_channels, output_stride=output_stride)
        dilation = Dilation(output_stride)
        self.conv1a = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
        channels = 64
        self.stages: list[list[str]] = []
        for name, hidden, out_channels, blocks, stage_stride in STAGES:
            names = [name, *(f"{name}_{block}" for block in range(1, blocks))]
            for block, stride in zip(names, (stage_stride,) + (1,) * (blocks - 1), strict=True):
                before, kept = dilation.current, dilation.take(stride)
                self.add_module(
                    block,
                    WideBlock(
                        channels,
                        hidden,
                        out_channels,
                        stride=kept,
                        dilation=before,
                        second_dilation=dilation.current,
                    ),
                )
                channels = out_channels
            self.stages.append(names)
        kept = dilation.take(2)
        self.b6 = WideBottleneck(1024, 2048, stride=kept, dilation=dilation.current, dropout=0.3)
        self.b7 = WideBottleneck(2048, 4096, stride=1, dilation=dilation.current, dropout=0.5)
        self.bn7 = nn.BatchNorm2d(4096)
        initialise_convolutions(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the five maps of (B, in_channels, H, W), finest first."""
        feature, activated = self.conv1a(image), []
        for names in self.stages:
            for block in names:
                feature, before = self.get_submodule(block)(feature)
                if block == names[0]:
                    activated.append(before)
        feature, before = self.b6(feature)
        feature, _ = self.b7(feature)
        # what the first block of a stage sees activated is the map of the stage before; conv1a's has stride 1
        return (*activated[1:], before, F.relu(self.bn7(feature)))


class WideBlock(nn.Module):
    """Normalise, 3×3, normalise, 3×3, beside a shortcut.

    Args:
        in_channels: Channels in.
        hidden: Channels between.
        channels: Channels out; where they are not those that come in, the shortcut is a 1×1 convolution.
        stride: Stride of the first convolution and of the shortcut.
        dilation: Dilation of the first convolution.
        second_dilation: Dilation of the second.
    """

    def __init__(
        self,
        in_channels: int,
        hidden: int,
        channels: int,
        *,
        stride: int,
        dilation: int,
        second_dilation: int,
    ) -> None:
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(in_channels)
        self.conv_branch2a = nn.Conv2d(in_channels, hidden, 3, stride, dilation, dilation, bias=False)
        self.bn_branch2b1 = nn.BatchNorm2d(hidden)
        self.conv_branch2b1 = nn.Conv2d(hidden, channels, 3, 1, second_dilation, second_dilation, bias=False)
        projected = in_channels != channels
        self.conv_branch1 = nn.Conv2d(in_channels, channels, 1, stride, bias=False) if projected else None

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, in_channels, H, W) to (B, channels, ⌈H/stride⌉, ⌈W/stride⌉), and return the input activated."""
        activated = F.relu(self.bn_branch2a(feature))
        hidden = F.relu(self.bn_branch2b1(self.conv_branch2a(activated)))
        shortcut = feature if self.conv_branch1 is None else self.conv_branch1(activated)
        return self.conv_branch2b1(hidden) + shortcut, activated


class WideBottleneck(nn.Module):
    """Normalise before a 1×1, a 3×3 and a 1×1 convolution, beside a projected shortcut.

    Args:
        in_channels: Channels in.
        channels: Channels out; a quarter and a half of them are hidden.
        stride: Stride of the first convolution and of the shortcut.
        dilation: Dilation of the 3×3 convolution.
        dropout: Probability that a hidden channel is dropped.
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(in_channels)
        self.conv_branch2a = nn.Conv2d(in_channels, channels // 4, 1, stride, bias=False)
        self.bn_branch2b1 = nn.BatchNorm2d(channels // 4)
        self.conv_branch2b1 = nn.Conv2d(channels // 4, channels // 2, 3, 1, dilation, dilation, bias=False)
        self.bn_branch2b2 = nn.BatchNorm2d(channels // 2)
        self.conv_branch2b2 = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.conv_branch1 = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, in_channels, H, W) to (B, channels, ⌈H/stride⌉, ⌈W/stride⌉), and return the input activated."""
        activated = F.relu(self.bn_branch2a(feature))
        hidden = self.dropout(F.relu(self.bn_branch2b1(self.conv_branch2a(activated))))
        hidden = self.dropout(F.relu(self.bn_branch2b2(self.conv_branch2b1(hidden))))
        return self.conv_branch2b2(hidden) + self.conv_branch1(activated), activated
