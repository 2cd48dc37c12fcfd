"""The training objective: a weighted sum of named losses."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from medsize.losses.preconditions import require_positive
from medsize.losses.prediction import Prediction


class ObjectiveValue(NamedTuple):
    """What an objective says of one batch."""

    total: Tensor
    """The weighted sum, a scalar with its graph."""
    parts: dict[str, Tensor]
    """Each term by name, detached and without its weight."""


class Objective(nn.Module):
    """A weighted sum of terms, for instance of "Approximate Size Targets" (P0) eq. 12 and 13.

    A term is any module with ``forward(prediction, target) -> scalar`` and an attribute ``target``, the name
    of what it needs from the batch. A term with an attribute ``level`` of ``"volume"`` looks at whole cases, and a
    term with a method ``begin_epoch(epoch)`` changes from epoch to epoch.

    Args:
        terms: Weight and term by name; weights are finite and above 0 (a term that should not count is left
            out).

    Raises:
        ValueError: For no terms, a weight that is not a positive number, or a module without ``target``.
    """

    def __init__(self, terms: Mapping[str, tuple[float, nn.Module]]) -> None:
        super().__init__()
        if not terms:
            raise ValueError("an objective needs at least one term, found none")
        for name, (weight, term) in terms.items():
            require_positive(f"the weight of term {name!r}", weight)
            if not isinstance(getattr(term, "target", None), str):
                raise ValueError(
                    f"term {name!r} must say in its attribute 'target' which entry of the batch it needs, "
                    f"found {type(term).__name__} without it"
                )
        self.weights = {name: weight for name, (weight, _) in terms.items()}
        self.terms = nn.ModuleDict({name: term for name, (_, term) in terms.items()})

    @property
    def targets(self) -> frozenset[str]:
        """The entries of the batch that the terms need; ``case`` if some term looks at whole cases."""
        volumes = any(getattr(term, "level", None) == "volume" for term in self.terms.values())
        return frozenset(str(term.target) for term in self.terms.values()) | ({"case"} if volumes else set())

    def begin_epoch(self, epoch: int) -> None:
        """Tell the terms that change from epoch to epoch, such as a log barrier that hardens, which one begins.

        Args:
            epoch: Number of the epoch, from 0. What follows depends on it alone, so a training that is resumed goes
                on as if it had not stopped.
        """
        for term in self.terms.values():
            if (begin := getattr(term, "begin_epoch", None)) is not None:
                begin(epoch)

    def forward(self, prediction: Prediction | Tensor, batch: Mapping[str, Tensor]) -> ObjectiveValue:
        """The objective of one batch.

        Args:
            prediction: A prediction, or logits (B, K, *spatial), which take their domain and the case of each
                image from the batch's ``domain`` and ``case`` where it has them.
            batch: What the terms need, by name.

        Raises:
            ValueError: If the batch lacks what a term needs, and whatever the terms raise.
        """
        prediction = Prediction.of(prediction, batch.get("domain"), batch.get("case"))
        values: dict[str, Tensor] = {}
        for name, term in self.terms.items():
            if term.target not in batch:
                raise ValueError(
                    f"the batch lacks {term.target!r}, which term {name!r} of the objective needs; "
                    f"found {', '.join(sorted(batch)) or 'nothing'}"
                )
            values[name] = term(prediction, batch[str(term.target)])
        weighted = [self.weights[name] * value for name, value in values.items()]
        return ObjectiveValue(sum(weighted[1:], weighted[0]), {name: v.detach() for name, v in values.items()})


class TargetFrom(nn.Module):
    """A term that takes its target from another entry of the batch: so one batch may serve a loss twice.

    Args:
        target: Name of the entry.
        term: The term, as for :class:`Objective`.
    """

    def __init__(self, target: str, term: nn.Module) -> None:
        super().__init__()
        self.target = target
        self.term = term

    @property
    def level(self) -> object:
        """What the term looks at, if it says so."""
        return getattr(self.term, "level", None)

    def begin_epoch(self, epoch: int) -> None:
        """Pass on that an epoch begins."""
        if (begin := getattr(self.term, "begin_epoch", None)) is not None:
            begin(epoch)

    def forward(self, prediction: Prediction, target: Tensor) -> Tensor:
        """The term of a prediction on its target."""
        loss: Tensor = self.term(prediction, target)
        return loss
