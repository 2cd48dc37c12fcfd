"""What every backbone is: maps from images, under the parameter names of published weights."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

OUTPUT_STRIDES = (8, 16, 32)


class Backbone(nn.Module):
    """A network that maps images to feature maps, and whose parameters bear the names of published weights.

    Args:
        in_channels: Channels of the input; published networks have 3.
        output_stride: Input pixels for one position of the deepest map.

    Attributes:
        channels: Channels of the returned maps, finest first.
        strides: Input pixels for one position of each of them.
        stock_weights: Which published weights fit.
        first_kernel: The one parameter whose shape depends on ``in_channels``.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    stock_weights: str
    first_kernel: str

    def __init__(self, *, in_channels: int, output_stride: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.output_stride = output_stride

    def fit(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return published tensors as this backbone takes them.

        Where its images do not have the three channels of the published ones, the first kernel is summed over its
        input channels and spread evenly: an image whose channels all equal a grey one gives what the published
        network gives for that image replicated.

        Args:
            published: Tensors by name; unknown names and wrong shapes are left as they are.
        """
        fitted = dict(published)
        kernel = fitted.get(self.first_kernel)
        if kernel is not None and self.in_channels != 3 and kernel.ndim == 4 and kernel.shape[1] == 3:
            fitted[self.first_kernel] = (
                kernel.sum(dim=1, keepdim=True).expand(-1, self.in_channels, -1, -1) / self.in_channels
            )
        return fitted

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            image: (B, in_channels, H, W), standardised as the weights expect.

        Returns:
            Maps (B, C, ⌈H/stride⌉, ⌈W/stride⌉), finest first, with the ``channels`` and ``strides`` of the class.
        """
        raise NotImplementedError  # of this class alone: what it promises, each network computes in its own way


class PyramidBackbone(Backbone):
    """A convolutional backbone of five maps, at strides 2, 4, 8, 16 and 32.

    With an ``output_stride`` below 32 the late strides become dilations, as DeepLab does it: what would have halved
    the map keeps it, and every convolution behind it is dilated by 2 (then 4). The features of the undilated
    network are then those of the dilated one, taken at every second (fourth) position.

    Raises:
        ValueError: ``output_stride`` is none of 32, 16, 8.
    """

    def __init__(self, *, in_channels: int = 3, output_stride: int = 32) -> None:
        super().__init__(in_channels=in_channels, output_stride=output_stride)
        if output_stride not in OUTPUT_STRIDES:
            raise ValueError(f"output_stride: expected one of {OUTPUT_STRIDES}, found {output_stride}")
        self.strides = tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))


class Dilation:
    """Keeps account of strides that became dilations while a backbone is built, finest layer first.

    Args:
        output_stride: The stride that is not passed.

    Attributes:
        current: Dilation of a convolution that comes next.
    """

    def __init__(self, output_stride: int) -> None:
        self.output_stride = output_stride
        self.reached = 1
        self.current = 1

    def take(self, stride: int) -> int:
        """Return what of the next layer's ``stride`` is kept; the rest dilates all that follows it."""
        kept = stride if self.reached * stride <= self.output_stride else 1
        self.reached *= kept
        self.current *= stride // kept
        return kept


BackboneFactory = Callable[..., Backbone]
"""Builds a backbone from ``in_channels`` and ``output_stride``: a class of this package, or a function."""


def initialise_convolutions(module: nn.Module) -> None:
    """Draw every kernel from Kaiming's normal distribution (fan out), and set biases to zero."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
