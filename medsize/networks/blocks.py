"""The few layers that the decoders share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_bn_relu(in_channels: int, out_channels: int, *, kernel: int = 3, dilation: int = 1) -> nn.Sequential:
    """Build a convolution that keeps the map's size, batch normalisation and ReLU.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel: Odd side of the kernel.
        dilation: Dilation of the kernel.
    """
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def resize(feature: Tensor, size: torch.Size) -> Tensor:
    """Resize (B, C, h, w) bilinearly to ``size`` = (H, W).

    Pixels are areas (``align_corners=False``): on even sizes the map then keeps one constant offset to the strided
    convolutions, which the next convolution learns, where aligned corners would stretch it across the image.
    """
    return F.interpolate(feature, size=size, mode="bilinear", align_corners=False)


def concat_resized(feature: Tensor, beside: Tensor) -> Tensor:
    """Resize a coarse map to a finer one and concatenate both along the channels, coarse first.

    Args:
        feature: (B, C, h, w).
        beside: (B, D, H, W).

    Returns:
        (B, C + D, H, W).
    """
    resized = resize(feature, beside.shape[-2:])
    if resized.requires_grad:
        # The gradient that a concatenation hands back is a strided view; on a CPU the gradient of the resizing
        # reads it seven times slower than its dense copy.
        resized.register_hook(torch.clone)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return torch.cat([resized, beside], dim=1)


def full_resolution(logits: Tensor, size: torch.Size) -> Tensor:
    """Bring (B, K, h, w) logits to ``size`` = (H, W), in at least float32 so that bfloat16 leaves no steps."""
    return resize(logits.to(torch.promote_types(logits.dtype, torch.float32)), size)
