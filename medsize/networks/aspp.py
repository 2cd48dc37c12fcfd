"""Atrous spatial pyramid pooling: DeepLab's context module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medsize.networks.blocks import conv_bn_relu


class ASPP(nn.Module):
    """One 1×1 branch, a dilated 3×3 branch per rate and a branch of the image's mean, concatenated and projected.

    All branches and the projection have 256 channels with batch normalisation and ReLU; dropout 0.1 follows the
    projection, as in the authors' code (Chen et al., DeepLabV3+, ECCV 2018; rates from DeepLabV3, 2017, section 3.3).
    The 3×3 convolutions are plain, not depthwise separable: the separable ones belong to the authors' Xception,
    and plain ones are what "DeepLabV3+ over MobileNetV2" usually means in PyTorch.

    Args:
        in_channels: Channels of the encoder's deepest map.
        rates: Dilation of each 3×3 branch.
        channels: Channels of every branch and of the result.
        dropout: Probability of the dropout.
    """

    def __init__(self, in_channels: int, *, rates: tuple[int, ...], channels: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.branches = nn.ModuleList([conv_bn_relu(in_channels, channels, kernel=1)])
        self.branches.extend(conv_bn_relu(in_channels, channels, dilation=rate) for rate in rates)
        self.pooling = conv_bn_relu(in_channels, channels, kernel=1)
        self.pooling[1] = PooledBatchNorm2d(channels)
        self.project = conv_bn_relu(channels * (len(rates) + 2), channels, kernel=1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, feature: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, H, W)."""
        pooled: Tensor = self.pooling(feature.mean(dim=(2, 3), keepdim=True))
        maps = [branch(feature) for branch in self.branches]
        maps.append(pooled.expand_as(maps[0]))
        out: Tensor = self.dropout(self.project(torch.cat(maps, dim=1)))
        return out


class PooledBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that also takes a batch with one value per channel.

    A pooled map is 1×1, so a batch of one image (such as the last of an epoch) leaves one value per channel. It has
    no variance, and PyTorch refuses it. Such a batch is normalised with the running statistics instead, as in
    evaluation, and does not change them.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if self.training and input.numel() == self.num_features:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(input)
