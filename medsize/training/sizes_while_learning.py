"""What a network makes of the training slices while it learns: a better witness than what it makes of them in the end.

In the end a network has learned the slips among the sizes it was given, too. While it learns, the many right ones
pull harder than the few wrong ones, so what it predicts then is nearer to the truth where somebody slipped (the
reasoning of AUM, Pleiss et al., NeurIPS 2020).
"""

from dataclasses import dataclass
from typing import Self

import torch
from accelerate import Accelerator
from torch import Tensor

from medsize.data.moved_sizes import scaled
from medsize.inference.predict_slices import most_probable
from medsize.run.sizes_while_learning import read_sums
from medsize.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class SizesWhileLearning:
    """Sums of the predicted sizes of every slice, over the epochs it was seen in.

    Attributes:
        fractions: (N, K) float32, sums of the shares of Ω that were most probably of a class; a row a slice of the
            store.
        times: (N,) int32, how many epochs a slice was seen in.
    """

    fractions: Tensor
    times: Tensor

    @classmethod
    def empty(cls, slices: int, classes: int) -> Self:
        """Return sums of nothing."""
        return cls(torch.zeros(slices, classes), torch.zeros(slices, dtype=torch.int32))

    @classmethod
    def load(cls, run: RunFolder) -> Self | None:
        """Return the sums at the checkpoint ``last``, or None if it has none.

        Raises:
            InputError: The file is damaged.
        """
        sums = read_sums(run)
        return cls(**{name: torch.from_numpy(array) for name, array in sums.items()}) if sums else None

    def add(
        self, rows: Tensor, logits: Tensor, domain: Tensor | None = None, size_factor: Tensor | None = None
    ) -> None:
        """Add what a batch was predicted as.

        Args:
            rows: (B,) rows of the store, each once.
            logits: (B, K, *spatial).
            domain: Ω, (B, *spatial) bool; everything by default.
            size_factor: (B,), by which augmentation changed the fractions of the structures, which is undone; NaN
                where it may have cut them, which does not count. By default it changed nothing.
        """
        predicted = fractions_of(logits.detach(), domain).cpu()
        if size_factor is not None:
            factor = size_factor.cpu()
            known = ~factor.isnan()
            rows, predicted = rows[known], scaled(predicted, 1 / factor)[known]
        self.fractions.index_add_(0, rows, predicted)
        self.times.index_add_(0, rows, torch.ones_like(rows, dtype=torch.int32))

    def of_all(self, accelerator: Accelerator) -> Self:
        """Return the sums over all processes that train together."""
        if accelerator.num_processes == 1:
            return self
        sums = {name: tensor.to(accelerator.device) for name, tensor in self.tensors().items()}
        return type(self)(**{name: tensor.cpu() for name, tensor in accelerator.reduce(sums, "sum").items()})

    def tensors(self) -> dict[str, Tensor]:
        """Return the sums by name."""
        return {"fractions": self.fractions, "times": self.times}


def fractions_of(logits: Tensor, domain: Tensor | None) -> Tensor:
    """Return the share of Ω that is most probably of each class.

    Args:
        logits: (B, K, *spatial).
        domain: Ω, (B, *spatial) bool; everything by default.

    Returns:
        (B, K) float32.
    """
    batch, classes = logits.shape[:2]
    numbers = most_probable(logits, dim=1).long().flatten(1)
    places = numbers + classes * torch.arange(batch, device=logits.device).unsqueeze(1)
    inside = places.flatten() if domain is None else places[domain.flatten(1)]
    counts = torch.bincount(inside, minlength=batch * classes).view(batch, classes)
    return counts / counts.sum(1, keepdim=True)
