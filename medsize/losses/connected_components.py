"""Connected components of label maps in torch, on any device and in any number of dimensions."""

from itertools import product

import torch
from torch import Tensor

from medsize.losses.partial_cross_entropy import IGNORE


def connected_components(label: Tensor) -> Tensor:
    """Give all pixels of a component the same number, and those of different components different ones.

    A component is a set of pixels of one foreground class that touch, if only at a corner: 8-connected in two
    dimensions, 26-connected in three.

    Args:
        label: The class of each pixel, (B, *spatial), of an integer type; 0 is background, 255 is ignored.

    Returns:
        The smallest index of the component's pixels in ``label.flatten()``, (B, *spatial) int64; for
        background and ignored pixels their own.
    """
    left, right = _touching(label)
    # Each pixel points to one of its component, at first itself. In each round the ends of a link point to the
    # lower of what they point to, and then to where that points, which halves the way: the number of rounds
    # grows with the logarithm of a component's length, so spirals are no trouble.
    pointer = torch.arange(label.numel(), device=label.device)
    while True:
        lower = torch.minimum(pointer[left], pointer[right])
        moved = pointer.scatter_reduce(0, pointer[left], lower, "amin")
        moved = moved.scatter_reduce(0, pointer[right], lower, "amin")
        moved = moved[moved]
        if torch.equal(moved, pointer):
            return pointer.reshape(label.shape)
        pointer = moved


def _touching(label: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs of touching pixels of the same foreground class, as two lists of flat indices."""
    index = torch.arange(label.numel(), device=label.device).reshape(label.shape)
    left, right = [], []
    zero = (0,) * (label.ndim - 1)
    for step in product((-1, 0, 1), repeat=label.ndim - 1):
        if step <= zero:  # the other half of the directions, and the pixel itself
            continue
        here = (slice(None), *[slice(max(-s, 0), n - max(s, 0)) for s, n in zip(step, label.shape[1:], strict=True)])
        there = (slice(None), *[slice(max(s, 0), n - max(-s, 0)) for s, n in zip(step, label.shape[1:], strict=True)])
        same = (label[here] == label[there]) & (label[here] > 0) & (label[here] != IGNORE)
        left.append(index[here][same])
        right.append(index[there][same])
    return torch.cat(left), torch.cat(right)
