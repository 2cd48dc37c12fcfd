"""The losses: maths on tensors of any dimension, usable in anybody's training loop; needs torch alone.

Each loss is a function that reads like its formula and a module around it, which takes the logits (or a
:class:`Prediction`, so that several losses share one soft-max) and the entry of the batch that its attribute
``target`` names. An :class:`Objective` adds them up:

>>> import torch
>>> from medsize.losses import Objective, PartialCrossEntropyLoss, Prediction, SizeTargetLoss
>>> objective = Objective({"seeds": (1.0, PartialCrossEntropyLoss()), "size": (50.0, SizeTargetLoss())})
>>> sorted(objective.targets)
['seeds', 'size_target']
>>> logits = torch.zeros(1, 2, 4, 4, requires_grad=True)  # one image, two classes: S = 1/2 everywhere
>>> seeds = torch.full((1, 4, 4), 255)  # unlabelled, but for
>>> seeds[0, 1, 1] = 1  # one pixel of the object
>>> total, parts = objective(logits, {"seeds": seeds, "size_target": torch.tensor([[0.75, 0.25]])})
>>> {name: round(part.item(), 3) for name, part in parts.items()}
{'seeds': 0.693, 'size': 0.131}
>>> total.backward()

One loss alone works on logits too, here a volume:

>>> round(SizeTargetLoss()(torch.zeros(1, 2, 4, 4, 4), torch.tensor([[0.75, 0.25]])).item(), 3)
0.131
"""

from medsize.losses.cross_entropy import CrossEntropyLoss, cross_entropy
from medsize.losses.log_barrier import FlatLogBarrierLoss, LogBarrierLoss, flat_log_barrier, log_barrier
from medsize.losses.objective import Objective, ObjectiveValue
from medsize.losses.partial_cross_entropy import IGNORE, PartialCrossEntropyLoss, partial_cross_entropy
from medsize.losses.prediction import Prediction
from medsize.losses.quadratic_barrier import QuadraticBarrierLoss, quadratic_barrier
from medsize.losses.size_target import SizeTargetLoss, size_target_loss
from medsize.losses.sparse_crf import SparseCRFLoss, sparse_crf
from medsize.losses.suppression import SuppressionLoss, suppression

__all__ = [
    "IGNORE",
    "CrossEntropyLoss",
    "FlatLogBarrierLoss",
    "LogBarrierLoss",
    "Objective",
    "ObjectiveValue",
    "PartialCrossEntropyLoss",
    "Prediction",
    "QuadraticBarrierLoss",
    "SizeTargetLoss",
    "SparseCRFLoss",
    "SuppressionLoss",
    "cross_entropy",
    "flat_log_barrier",
    "log_barrier",
    "partial_cross_entropy",
    "quadratic_barrier",
    "size_target_loss",
    "sparse_crf",
    "suppression",
]
