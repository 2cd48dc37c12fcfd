"""The exponential moving average of a network's weights over the steps of its training."""

import copy
from typing import Final

import torch
from accelerate.utils import broadcast
from torch import Tensor, nn

_WARM_UP: Final = 10


class AveragedNetwork:
    """A second network that follows the one that trains, and predicts in its place.

    Its weights and the running statistics of its batch normalisation are averages; whole numbers, such as the count
    of batches seen, are those of the network that trains. What it holds follows from its tensors and the number of the
    step alone, so that its weights are all that a checkpoint must keep.

    Args:
        network: The one that trains, with its initial weights, on its device; not prepared by Accelerate yet, whose
            wrapping is for training.
        decay: Share of the average that a step keeps, in (0, 1).

    Attributes:
        network: The averaged one, in evaluation mode.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network: nn.Module = copy.deepcopy(network).requires_grad_(False).eval()
        self._decay = decay
        # Looked up once: to walk through a network's modules takes as long as to average its weights.
        self._averages, self._counts = _tensors(self.network)
        self._weights, self._present_counts = _tensors(network)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the weights after a step: average ← d·average + (1 − d)·weights, d of :func:`decay_at`.

        Args:
            step: Number of the step that was taken, from 0.
        """
        # All tensors in one call: a network has hundreds, and a GPU would be told of each.
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay_at(step, self._decay))
        if self._counts:
            torch._foreach_copy_(self._counts, self._present_counts)

    def agree(self) -> None:
        """Let every process hold the average of the first, which writes it.

        Weights are the same in all processes after every step, but each has the running statistics of its own batches
        until the next step begins.
        """
        broadcast(list(self.network.buffers()))


def decay_at(step: int, decay: float) -> float:
    """Return the decay after a step, from 0: less than asked for at first, lest the untrained weights rule for long.

    The warm-up of TensorFlow's ``ExponentialMovingAverage``.
    """
    return min(decay, (1 + step) / (_WARM_UP + step))


def _tensors(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters and buffers that are numbers, and those that are whole numbers."""
    tensors: list[Tensor] = [*network.parameters(), *network.buffers()]
    return [t for t in tensors if t.is_floating_point()], [t for t in tensors if not t.is_floating_point()]
