"""Every term of the configuration builds the loss of its name, with its settings and weight."""

from typing import Any

import pytest
from torch import nn

from medsize.config.mean_field import MeanFieldConfig
from medsize.config.objective import ObjectiveConfig
from medsize.losses import (
    BalanceLoss,
    CollisionCrossEntropyLoss,
    ConstrainLoss,
    CrossEntropyLoss,
    DenseCRFLoss,
    ExpandLoss,
    FairnessLoss,
    FlatLogBarrierLoss,
    LogBarrierExtensionLoss,
    LogBarrierLoss,
    NegativeLoss,
    PartialCrossEntropyLoss,
    PositionalLoss,
    QuadraticBarrierLoss,
    SizeBoundsLoss,
    SizeTargetLoss,
    SizeWeightedCrossEntropyLoss,
    SparseCRFLoss,
    SuppressionLoss,
    TargetFrom,
    VolumetricLoss,
    WeightedCrossEntropyLoss,
)

TERMS: dict[str, tuple[dict[str, Any], type[nn.Module]]] = {
    "partial_cross_entropy": ({"mean_over": "images"}, PartialCrossEntropyLoss),
    "pseudo_cross_entropy": ({}, TargetFrom),
    "cross_entropy": ({}, CrossEntropyLoss),
    "size_target": ({"direction": "reverse", "scale": "object", "temperature": 0.5}, SizeTargetLoss),
    "weighted_cross_entropy": ({"beta": 0.9, "counts": (9, 1)}, WeightedCrossEntropyLoss),
    "size_bounds": ({"temperature": 0.5}, SizeBoundsLoss),
    "log_barrier_extension": (
        {"t0": 100, "growth": 1.05, "scale": "fraction", "temperature": 0.5},
        LogBarrierExtensionLoss,
    ),
    "fairness": ({}, FairnessLoss),
    "balance": ({"distribution": (0.75, 0.25)}, BalanceLoss),
    "quadratic_barrier": ({"scale": "fraction", "temperature": 0.5}, QuadraticBarrierLoss),
    "log_barrier": ({}, LogBarrierLoss),
    "flat_log_barrier": ({"epsilon": 0.02}, FlatLogBarrierLoss),
    "suppression": ({}, SuppressionLoss),
    "sparse_crf": ({"sigma": 0.1, "form": "bilinear"}, SparseCRFLoss),
    "dense_crf": (
        {
            "sigma_space": 9.0,
            "sigma_intensity": 0.1,
            "normalise": "none",
            "half_resolution": True,
            "engine": "exact",
        },
        DenseCRFLoss,
    ),
    "constrain": ({"through_crf": True}, ConstrainLoss),
    "size_weighted_cross_entropy": ({"limit": 3.0}, SizeWeightedCrossEntropyLoss),
    "expand": (
        {"decay_present": 0.9, "decay_absent": 0.1, "decay_background": 0.95, "reference_pixels": None},
        ExpandLoss,
    ),
    "volumetric": (
        {"mean": 0.02, "minimum": 0.001, "small_weight": 2.0, "small_objects": "mean"},
        VolumetricLoss,
    ),
    "positional": ({"border_width": 1, "centre_side": 5}, PositionalLoss),
    "negative": ({}, NegativeLoss),
}


def test_these_are_all_the_terms():
    assert TERMS.keys() == ObjectiveConfig.model_fields.keys()


@pytest.mark.parametrize("name", TERMS)
def test_a_term_builds_its_loss_with_its_settings(name: str):
    settings, kind = TERMS[name]
    term = getattr(ObjectiveConfig.model_validate({name: {"weight": 3, **settings}}), name)
    loss = term.build()
    assert type(loss) is kind
    assert {key: getattr(loss, key) for key in settings} == settings


def test_the_cross_entropy_on_pseudo_labels_is_the_usual_one_or_that_of_a_collision():
    usual = ObjectiveConfig.model_validate({"pseudo_cross_entropy": {}}).build()
    assert usual.targets == {"pseudo_label"}
    assert type(usual.terms["pseudo_cross_entropy"].term) is CrossEntropyLoss
    settings = {"form": "collision", "certainty": 0.8}
    collision = ObjectiveConfig.model_validate({"pseudo_cross_entropy": settings}).build()
    assert collision.targets == {"pseudo_label"}
    loss = collision.terms["pseudo_cross_entropy"]
    assert type(loss) is CollisionCrossEntropyLoss
    assert loss.certainty == 0.8


def test_constrain_refines_with_the_crf_it_is_given():
    term = ObjectiveConfig.model_validate({"constrain": {"crf": {"iterations": 2}}}).constrain
    assert term is not None
    assert term.build().refine == MeanFieldConfig(iterations=2).build()


def test_the_objective_is_made_of_the_terms_that_are_there_at_their_weights():
    config = ObjectiveConfig.model_validate({"partial_cross_entropy": {}, "size_target": {"weight": 50}})
    objective = config.build()
    assert objective.targets == {"seeds", "size_target"}
    assert dict(objective.weights) == {"partial_cross_entropy": 1.0, "size_target": 50.0}


def test_size_terms_are_built_at_the_level_of_the_supervision():
    names = ("size_target", "size_bounds", "quadratic_barrier", "log_barrier_extension", "log_barrier", "suppression")
    config = ObjectiveConfig.model_validate(
        {"partial_cross_entropy": {}, "flat_log_barrier": {"epsilon": 0.1}} | {name: {} for name in names}
    )
    objective = config.build("volume")
    assert {name for name, term in objective.terms.items() if getattr(term, "level", None) == "volume"} == {
        *names,
        "flat_log_barrier",
    }
    assert "case" in objective.targets
    assert "case" not in config.build().targets


def test_with_both_levels_every_size_term_is_there_twice():
    config = ObjectiveConfig.model_validate(
        {"partial_cross_entropy": {}, "size_target": {"weight": 50, "temperature": 0.25}, "suppression": {"weight": 2}}
    )
    objective = config.build("both")
    assert dict(objective.weights) == {
        "partial_cross_entropy": 1, "size_target": 50, "volume_size_target": 50, "suppression": 2,
        "volume_suppression": 2,
    }  # fmt: skip
    assert objective.targets == {"seeds", "size_target", "tags", "volume_size_target", "volume_tags", "case"}
    assert objective.terms["size_target"].level == "slice"
    assert objective.terms["volume_size_target"].term.temperature == 0.25


def test_shares_that_do_not_sum_to_1_are_refused():
    with pytest.raises(ValueError, match=r"must sum to 1, found 0\.9"):
        ObjectiveConfig.model_validate({"balance": {"distribution": [0.5, 0.4]}})
