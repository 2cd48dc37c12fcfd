"""Probabilities changed in the light of their images, a batch at a time."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medsize.losses import Refine


def refine_batches(
    refine: Refine, batches: Iterable[Tensor], images: NDArray[np.float32], domain: NDArray[np.bool_]
) -> Iterator[Tensor]:
    """Yield refined probabilities of slices; only one batch is in memory at a time.

    Args:
        refine: The refinement, such as :class:`~medsize.losses.MeanField`.
        batches: Probabilities, (B, K, H, W), which together cover ``images`` in order.
        images: (N, C, H, W).
        domain: Ω of every slice, (H, W); the padding outside it has no say.

    Yields:
        (B, K, H, W), each on the device of its batch.
    """
    start = 0
    for probabilities in batches:
        image = torch.from_numpy(np.ascontiguousarray(images[start : start + len(probabilities)]))
        start += len(probabilities)
        yield _refine(refine, probabilities, image, None if domain.all() else torch.from_numpy(domain))


@torch.inference_mode()
def _refine(refine: Refine, probabilities: Tensor, image: Tensor, domain: Tensor | None) -> Tensor:
    if domain is not None:
        domain = domain.to(probabilities.device).expand(len(image), -1, -1)
    return refine(probabilities, image.to(probabilities.device), domain=domain)
