"""Where a network starts from: the usual share of each class, instead of equal shares."""

import math
from collections.abc import Sequence

import torch
from torch import nn


def guess_shares(network: nn.Module, shares: Sequence[float]) -> None:
    """Set the bias of a network's last convolution to ln of the classes' shares, so that it predicts them at first.

    A network that starts at equal shares first has to unlearn them everywhere, and forgets small structures on the
    way. The idea is that of the prior of "Focal Loss for Dense Object Detection" (RetinaNet), section 4.1.

    Args:
        network: Its last convolution has one output channel a class, and a bias.
        shares: Of each class, above 0.

    Raises:
        ValueError: The network has no such convolution, or a share is not positive.
    """
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    last = convolutions[-1] if convolutions else None
    if last is None or last.bias is None or last.out_channels != len(shares):
        raise ValueError(f"expected a network that ends in a convolution to {len(shares)} classes with a bias")
    if not all(math.isfinite(share) and share > 0 for share in shares):
        raise ValueError(f"shares must be positive numbers, found {list(shares)}")
    with torch.no_grad():
        last.bias.copy_(torch.tensor(shares).log())
