"""VGG16 as an encoder, under torchvision's parameter names."""

from itertools import pairwise

from torch import Tensor, nn

from medsize.networks.backbone import Dilation, PyramidBackbone, initialise_convolutions

# Channels and convolutions of each stage (Simonyan and Zisserman, ICLR 2015, configuration D).
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


class VGG16(PyramidBackbone):
    """The convolutions of VGG16 without batch normalisation, as the five maps behind its pools.

    Every parameter has torchvision's name and shape (``features.0.weight`` … ``features.28.bias``), so its
    checkpoints fit as they are. The pools are 3×3 with padding, as in DeepLab, not 2×2: only so can a pool keep
    its map without shifting it, and the map behind 321 pixels has 41 positions. As in DeepLab the last pool is not
    dilated.

    Source: Simonyan and Zisserman, ICLR 2015; Chen et al., DeepLab (LargeFOV), ICLR 2015.

    Args:
        in_channels: Channels of the input; the published network has 3.
        output_stride: Input pixels for one position of the deepest map: 32, 16 or 8.

    Raises:
        ValueError: ``output_stride`` is none of 32, 16, 8.
    """

    channels = (64, 128, 256, 512, 512)
    stock_weights = "torchvision VGG16_Weights.IMAGENET1K_V1, file vgg16-397923af.pth"
    first_kernel = "features.0.weight"

    def __init__(self, *, in_channels: int = 3, output_stride: int = 32) -> None:
        super().__init__(in_channels=in_channels, output_stride=output_stride)
        dilation = Dilation(output_stride)
        layers: list[nn.Module] = []
        self.taps = [0]
        channels = in_channels
        for out_channels, convolutions in STAGES:
            for _ in range(convolutions):
                rate = dilation.current
                layers += [nn.Conv2d(channels, out_channels, 3, 1, rate, rate), nn.ReLU(inplace=True)]
                channels = out_channels
            layers.append(nn.MaxPool2d(3, dilation.take(2), 1))
            self.taps.append(len(layers))
        self.features = nn.Sequential(*layers)
        initialise_convolutions(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the five maps of (B, in_channels, H, W), finest first."""
        maps = []
        feature = image
        for start, stop in pairwise(self.taps):
            feature = self.features[start:stop](feature)
            maps.append(feature)
        return tuple(maps)
