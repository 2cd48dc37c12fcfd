"""A network over many slices, a batch at a time."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medsize.data.store import Images

FLIPS = ((), (-1,))
"""The mirror images of test-time augmentation, by the axes of (B, C, H, W) that are flipped.

They are the two that training shows with equal chances where ``training.augmentation.flip`` is ½, as it is by default:
the slice itself, and the slice mirrored along its last axis. No other flip is ever seen in training.
"""


def predict_probabilities(
    network: nn.Module,
    images: Images,
    rows: NDArray[np.integer],
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
    tta: bool = False,
) -> Iterator[Tensor]:
    """Yield class probabilities of slices; only one batch of images and probabilities is in memory at a time.

    Args:
        network: Maps (B, C, H, W) to logits (B, K, H, W); it is on ``device`` already. It predicts in evaluation
            mode and is given back in the mode it came in.
        images: (N, C, H, W), an array or a memory map.
        rows: The slices to predict, in this order.
        device: Where the network is.
        precision: Of the network's arithmetic, float32 or bfloat16.
        batch_size: Slices at a time.
        tta: Whether to average the probabilities over ``FLIPS``, each flipped back.

    Yields:
        (B, K, H, W) float32 on ``device``, summing to 1 over K; the batches cover ``rows`` in order.
    """
    was_training = network.training
    if was_training:  # to set the mode of every module, over and over, takes a tenth of a small network's time
        network.eval()
    try:
        for start in range(0, len(rows), batch_size):
            batch = torch.from_numpy(np.ascontiguousarray(images[rows[start : start + batch_size]]))
            yield _averaged(network, batch.to(device), precision, FLIPS if tta else FLIPS[:1])
    finally:
        if was_training:
            network.train()


def predict_labels(
    network: nn.Module,
    images: Images,
    rows: NDArray[np.integer] | None = None,
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
) -> NDArray[np.uint8]:
    """Return the most probable class of each pixel of slices.

    Args:
        network: As for :func:`predict_probabilities`.
        images: (N, C, H, W), an array or a memory map.
        rows: The slices to predict; all of them by default.
        device: Where the network is.
        precision: Of the network's arithmetic.
        batch_size: Slices at a time.

    Returns:
        (n, H, W) class indices.
    """
    rows = np.arange(len(images)) if rows is None else rows
    batches = predict_probabilities(network, images, rows, device=device, precision=precision, batch_size=batch_size)
    labels = [most_probable(batch, dim=1).cpu().numpy() for batch in batches]
    return np.concatenate(labels) if labels else np.empty((0, *images.shape[2:]), np.uint8)


def most_probable(probabilities: Tensor, *, dim: int) -> Tensor:
    """Return the class of the highest probability, uint8, and of several the first.

    Args:
        probabilities: With the classes along ``dim``.
        dim: An axis, which the result lacks.
    """
    return probabilities.max(dim).indices.to(torch.uint8)  # argmax says the same, up to ten times slower on a CPU


@torch.inference_mode()
def _averaged(network: nn.Module, batch: Tensor, precision: torch.dtype, flips: Sequence[tuple[int, ...]]) -> Tensor:
    probabilities = [
        _probabilities(network, batch.flip(axes).to(memory_format=torch.channels_last), precision).flip(axes)
        for axes in flips
    ]
    return torch.stack(probabilities).mean(0) if len(flips) > 1 else probabilities[0]


def _probabilities(network: nn.Module, batch: Tensor, precision: torch.dtype) -> Tensor:
    with torch.autocast(batch.device.type, dtype=precision, enabled=precision != torch.float32):
        logits: Tensor = network(batch)
    return logits.float().softmax(1)
