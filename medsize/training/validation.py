"""Validation while training: ``dice_scan`` on the slices' own grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medsize.data.case import Case
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.inference.predict_slices import most_probable, predict_probabilities

_NAMED = 6
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean ``dice_scan`` of each structure over the cases where it is defined.

    Attributes:
        dice_scan: Structure to mean; a structure that no case has is left out.
        mean: Mean over these structures; None if there is none.
    """

    dice_scan: dict[str, float]
    mean: float | None

    def describe(self) -> str:
        """Return the figures in a line: of every structure, or of many the mean, the best and the worst."""
        scores = sorted(self.dice_scan.items(), key=lambda item: -item[1])
        if len(scores) <= _NAMED:
            return _listed(list(self.dice_scan.items()))
        best, worst = _listed(scores[:_SHOWN]), _listed(scores[-_SHOWN:])
        return f"mean of {len(scores)} classes {self.mean:.3f} (best {best}; worst {worst})"


def validate(
    network: nn.Module,
    store: SliceStore,
    cases: list[Case],
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
) -> Validation:
    """Predict the validation slices and measure them against their labels; unlabelled pixels do not count.

    The evaluation after training measures on each case's original grid instead, which is what a user gets.
    """
    parts = [store.rows([case.id]) for case in cases]
    rows = np.concatenate([np.empty(0, np.intp), *parts])
    counts = np.zeros((len(rows), 3, store.classes), np.int64)
    done = 0
    for batch in predict_probabilities(
        network, store.images, rows, device=device, precision=precision, batch_size=batch_size
    ):
        for predicted in most_probable(batch, dim=1).cpu().numpy():
            counts[done] = _count(predicted, np.asarray(store.labels[rows[done]]), store.classes)
            done += 1
    of_cases = np.split(counts, np.cumsum([len(part) for part in parts])[:-1]) if parts else []
    return _means([part.sum(0) for part in of_cases], store.structures)


def _count(predicted: NDArray[np.uint8], label: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Return the pixels of each class where both agree, of the prediction and of the label, (3, K)."""
    known = label != UNLABELLED
    predicted, label = predicted[known], label[known]
    pixels = (predicted[predicted == label], predicted, label)
    return np.stack([np.bincount(of, minlength=classes) for of in pixels])


def _means(cases: Sequence[NDArray[np.int64]], structures: Sequence[str]) -> Validation:
    means: dict[str, float] = {}
    for number, name in enumerate(structures, start=1):
        counts = np.array([case[:, number] for case in cases], np.float64).reshape(-1, 3)
        total = counts[:, 1] + counts[:, 2]
        if (total > 0).any():
            means[name] = float((2 * counts[:, 0][total > 0] / total[total > 0]).mean())
    return Validation(means, sum(means.values()) / len(means) if means else None)


def _listed(scores: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {score:.3f}" for name, score in scores)
