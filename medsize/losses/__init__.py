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

from medsize.losses.balance import BalanceLoss, FairnessLoss, balance, fairness
from medsize.losses.collision_cross_entropy import CollisionCrossEntropyLoss, collision_cross_entropy
from medsize.losses.constrain import ConstrainLoss, Refine, constrain
from medsize.losses.cross_entropy import CrossEntropyLoss, cross_entropy
from medsize.losses.dense_crf import DenseCRFLoss, dense_crf
from medsize.losses.elastic_weight_consolidation import ElasticWeightConsolidation, fisher_information
from medsize.losses.expand import ExpandLoss, expand
from medsize.losses.gaussian_filter import Features, gaussian_filter
from medsize.losses.log_barrier import FlatLogBarrierLoss, LogBarrierLoss, flat_log_barrier, log_barrier
from medsize.losses.log_barrier_extension import LogBarrierExtensionLoss, log_barrier_extension
from medsize.losses.mean_field import MeanField
from medsize.losses.objective import Objective, ObjectiveValue, TargetFrom
from medsize.losses.partial_cross_entropy import IGNORE, PartialCrossEntropyLoss, partial_cross_entropy
from medsize.losses.prediction import Level, Prediction
from medsize.losses.quadratic_barrier import QuadraticBarrierLoss, quadratic_barrier
from medsize.losses.rank_pooling import global_weighted_rank_pooling
from medsize.losses.single_class import (
    NegativeLoss,
    PositionalLoss,
    VolumetricLoss,
    negative,
    positional,
    volumetric,
)
from medsize.losses.size_bounds import SizeBoundsLoss, size_bounds_loss
from medsize.losses.size_target import SizeTargetLoss, size_target_loss
from medsize.losses.size_weighted_cross_entropy import (
    SizeWeightedCrossEntropyLoss,
    component_weights,
    size_weighted_cross_entropy,
)
from medsize.losses.sparse_crf import SparseCRFLoss, sparse_crf
from medsize.losses.suppression import SuppressionLoss, suppression
from medsize.losses.weighted_cross_entropy import (
    WeightedCrossEntropyLoss,
    effective_number_weights,
    weighted_cross_entropy,
)

__all__ = [
    "IGNORE",
    "BalanceLoss",
    "CollisionCrossEntropyLoss",
    "ConstrainLoss",
    "CrossEntropyLoss",
    "DenseCRFLoss",
    "ElasticWeightConsolidation",
    "ExpandLoss",
    "FairnessLoss",
    "Features",
    "FlatLogBarrierLoss",
    "Level",
    "LogBarrierExtensionLoss",
    "LogBarrierLoss",
    "MeanField",
    "NegativeLoss",
    "Objective",
    "ObjectiveValue",
    "PartialCrossEntropyLoss",
    "PositionalLoss",
    "Prediction",
    "QuadraticBarrierLoss",
    "Refine",
    "SizeBoundsLoss",
    "SizeTargetLoss",
    "SizeWeightedCrossEntropyLoss",
    "SparseCRFLoss",
    "SuppressionLoss",
    "TargetFrom",
    "VolumetricLoss",
    "WeightedCrossEntropyLoss",
    "balance",
    "collision_cross_entropy",
    "component_weights",
    "constrain",
    "cross_entropy",
    "dense_crf",
    "effective_number_weights",
    "expand",
    "fairness",
    "fisher_information",
    "flat_log_barrier",
    "gaussian_filter",
    "global_weighted_rank_pooling",
    "log_barrier",
    "log_barrier_extension",
    "negative",
    "partial_cross_entropy",
    "positional",
    "quadratic_barrier",
    "size_bounds_loss",
    "size_target_loss",
    "size_weighted_cross_entropy",
    "sparse_crf",
    "suppression",
    "volumetric",
    "weighted_cross_entropy",
]
