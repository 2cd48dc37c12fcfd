"""What a run minimises: named terms and their weights."""

from typing import TYPE_CHECKING, get_args

from pydantic import model_validator

from medsize.config.level import Levels
from medsize.config.model import Model
from medsize.config.terms import (
    BalanceTerm,
    ConstrainTerm,
    CrossEntropyTerm,
    DenseCRFTerm,
    ExpandTerm,
    FairnessTerm,
    FlatLogBarrierTerm,
    LogBarrierExtensionTerm,
    LogBarrierTerm,
    NegativeTerm,
    PartialCrossEntropyTerm,
    PositionalTerm,
    PseudoCrossEntropyTerm,
    QuadraticBarrierTerm,
    SizeBoundsTerm,
    SizeTargetTerm,
    SizeTerm,
    SizeWeightedCrossEntropyTerm,
    SparseCRFTerm,
    SuppressionTerm,
    Term,
    VolumetricTerm,
    WeightedCrossEntropyTerm,
)

if TYPE_CHECKING:
    from torch import nn

    from medsize.losses import Objective


class ObjectiveConfig(Model):
    """The terms of the objective; a term left out (or ``null``) is not used."""

    partial_cross_entropy: PartialCrossEntropyTerm | None = None
    pseudo_cross_entropy: PseudoCrossEntropyTerm | None = None
    cross_entropy: CrossEntropyTerm | None = None
    weighted_cross_entropy: WeightedCrossEntropyTerm | None = None
    size_target: SizeTargetTerm | None = None
    size_bounds: SizeBoundsTerm | None = None
    quadratic_barrier: QuadraticBarrierTerm | None = None
    log_barrier_extension: LogBarrierExtensionTerm | None = None
    log_barrier: LogBarrierTerm | None = None
    flat_log_barrier: FlatLogBarrierTerm | None = None
    suppression: SuppressionTerm | None = None
    fairness: FairnessTerm | None = None
    balance: BalanceTerm | None = None
    sparse_crf: SparseCRFTerm | None = None
    dense_crf: DenseCRFTerm | None = None
    size_weighted_cross_entropy: SizeWeightedCrossEntropyTerm | None = None
    expand: ExpandTerm | None = None
    constrain: ConstrainTerm | None = None
    volumetric: VolumetricTerm | None = None
    positional: PositionalTerm | None = None
    negative: NegativeTerm | None = None

    @model_validator(mode="after")
    def _has_a_term(self) -> "ObjectiveConfig":
        if not self.terms():
            raise ValueError(f"no term: give at least one of {', '.join(type(self).model_fields)}")
        return self

    def terms(self) -> dict[str, Term]:
        """Return the terms that are used, by name."""
        return {name: term for name, term in self if term}

    @classmethod
    def title(cls, name: str) -> str:
        """Return what people call a term, or a part of the sum that is no term."""
        field = cls.model_fields.get(name)
        kind = get_args(field.annotation)[0] if field else None
        return getattr(kind, "title", None) or name.replace("_", " ")

    def build(self, level: Levels = "slice") -> "Objective":
        """Return the objective: every term that is there, with its weight.

        Args:
            level: What sizes, bounds and tags are about: the supervision's level. With ``both``, each term about
                sizes is there twice, for slices and, under its name with ``volume_`` in front and from the entry
                of the batch of that name, for volumes.
        """
        from medsize.losses import Objective, TargetFrom

        terms: dict[str, tuple[float, nn.Module]] = {}
        for name, term in self.terms().items():
            if isinstance(term, SizeTerm):
                terms[name] = (term.weight, term.build(level="slice" if level == "both" else level))
                if level == "both":
                    loss = term.build(level="volume")
                    terms[f"volume_{name}"] = (term.weight, TargetFrom(f"volume_{loss.target}", loss))
            else:
                terms[name] = (term.weight, term.build())
        return Objective(terms)
