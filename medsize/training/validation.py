"""Validation while training: ``dice_scan`` on the slices' own grid."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from medsize.data.case import Case
from medsize.data.store import SliceStore
from medsize.evaluation.dice import dice_scan
from medsize.inference.predict_slices import predict_labels


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean ``dice_scan`` of each structure over the cases where it is defined.

    Attributes:
        dice_scan: Structure to mean; a structure that no case has is left out.
        mean: Mean over these structures; None if there is none.
    """

    dice_scan: dict[str, float]
    mean: float | None


def validate(
    network: nn.Module,
    store: SliceStore,
    cases: list[Case],
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
) -> Validation:
    """Predict the validation slices and measure them against their labels.

    The evaluation after training measures on each case's original grid instead, which is what a user gets.
    """
    scores: dict[str, list[float]] = {name: [] for name in store.structures}
    for case in cases:
        rows = store.rows([case.id])
        predicted = predict_labels(
            network, store.images[rows], device=device, precision=precision, batch_size=batch_size
        )
        label = np.asarray(store.labels[rows])
        for number, name in enumerate(store.structures, start=1):
            scores[name].append(dice_scan(predicted == number, label == number))
    means = {name: float(np.nanmean(s)) for name, s in scores.items() if not all(map(math.isnan, s))}
    return Validation(means, sum(means.values()) / len(means) if means else None)
