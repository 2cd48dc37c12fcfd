"""From a configuration to the stages of its training, each with all that it does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from medsize.config.layers import merge
from medsize.config.objective import ObjectiveConfig
from medsize.config.stages import ConsolidationConfig, RelabelConfig, StageConfig
from medsize.config.training import Optimiser, TrainingConfig

_OPTIMISER: Final[TypeAdapter[Optimiser]] = TypeAdapter(Optimiser)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of epochs under one objective.

    Attributes:
        name: For people, e.g. ``annealing 3/15``; None where a training is not in stages.
        first: Its first epoch, from 0.
        epochs: Its length.
        objective: What is minimised.
        optimiser: Its numbers.
        polynomial_power: The learning rate falls with it,
        schedule: over these epochs: from the last restart of the optimiser to the next.
        restart_optimiser: Whether it starts anew.
        consolidate: How parameters are held, if they are.
        relabel: How the training slices are labelled anew where it begins, if they are.
    """

    name: str | None
    first: int
    epochs: int
    objective: ObjectiveConfig
    optimiser: Optimiser
    polynomial_power: float
    schedule: range
    restart_optimiser: bool = False
    consolidate: ConsolidationConfig | None = None
    relabel: RelabelConfig | None = None

    @property
    def end(self) -> int:
        """The epoch after its last one."""
        return self.first + self.epochs


class OverrideError(ValueError):
    """A stage makes of a part of the configuration what it cannot be.

    Args:
        stage: Name of the stage.
        part: Key of the part that it changes.
        item: What is wrong with the changed part, one of ``ValidationError.errors()``.

    Attributes:
        part: Likewise.
        item: Likewise.
        loc: Where it is, as in ``ValidationError.errors()``.
    """

    def __init__(self, stage: str, part: tuple[str, ...], item: Mapping[str, Any]) -> None:
        super().__init__(str(item["msg"]))
        self.part = part
        self.item = dict(item)
        self.loc = ("training", "stages", stage, part[-1], *item["loc"])


def divide(objective: ObjectiveConfig, training: TrainingConfig) -> tuple[Stage, ...]:
    """Divide a training into its stages, each repetition one of its own; without ``stages`` it is a single one.

    Args:
        objective: Of the run, which stages change.
        training: Its epochs, its stages, and what these change.

    Raises:
        OverrideError: A stage's objective or optimiser is none.
        ValueError: The stages' lengths do not make up the epochs, or one of them is impossible.
    """
    whole = Stage(
        name=None,
        first=0,
        epochs=training.epochs,
        objective=objective,
        optimiser=training.optimiser,
        polynomial_power=training.polynomial_power,
        schedule=range(training.epochs),
    )
    stages: list[Stage] = []
    for name, config in training.stages.items():
        length = _length(name, config, training, done=stages[-1].end if stages else 0)
        if config.consolidate and not stages:
            raise ValueError(f"training.stages.{name}.consolidate: there is no stage before it to consolidate")
        if config.relabel and not stages:
            raise ValueError(f"training.stages.{name}.relabel: before the first stage the network has learned nothing")
        stages += _repeated(name, config, whole, first=stages[-1].end if stages else 0, epochs=length)
        if config.relabel and not stages[-1].objective.pseudo_cross_entropy:
            raise ValueError(
                f"training.stages.{name}.relabel: nothing of its objective is taught by new labels, which is what the "
                "term pseudo_cross_entropy is for"
            )
    return _with_schedules(stages) if stages else (whole,)


def _length(name: str, config: StageConfig, training: TrainingConfig, *, done: int) -> int:
    is_last = name == list(training.stages)[-1]
    if config.epochs is None and not is_last:
        raise ValueError(f"training.stages.{name}: it has no epochs, which only the last stage may leave out")
    left = training.epochs - done
    length = left // config.repeat if config.epochs is None else config.epochs
    taken = length * config.repeat
    if length < 1 or taken > left or (is_last and taken < left):
        raise ValueError(
            f"training.stages: up to '{name}' they take {done + max(taken, 1)} epochs, but training.epochs is "
            f"{training.epochs}: change either, or leave out the epochs of the last stage"
        )
    return length


def _repeated(name: str, config: StageConfig, whole: Stage, *, first: int, epochs: int) -> list[Stage]:
    return [
        replace(
            whole,
            name=name if config.repeat == 1 else f"{name} {number + 1}/{config.repeat}",
            first=first + number * epochs,
            epochs=epochs,
            objective=_objective(name, whole.objective, _at(config.objective, name, number, config.repeat)),
            optimiser=_optimiser(name, whole.optimiser, _at(config.optimiser, name, number, config.repeat)),
            polynomial_power=whole.polynomial_power if config.polynomial_power is None else config.polynomial_power,
            restart_optimiser=config.restart_optimiser,
            consolidate=config.consolidate,
            relabel=config.relabel,
        )
        for number in range(config.repeat)
    ]


def _at(value: Any, stage: str, number: int, count: int) -> Any:
    """Return an override with every range in it replaced by its number in one of ``count`` repetitions."""
    if not isinstance(value, dict):
        return value
    if value.keys() != {"from", "to"}:
        return {key: _at(inner, stage, number, count) for key, inner in value.items()}
    ends = value["from"], value["to"]
    if count == 1 or not all(isinstance(end, int | float) for end in ends):
        raise ValueError(
            f"training.stages.{stage}: {{from: {ends[0]}, to: {ends[1]}}} runs from one number to another over the "
            f"repetitions of a stage, of which there are {count}"
        )
    return ends[0] + (ends[1] - ends[0]) * number / (count - 1)


def _objective(stage: str, base: ObjectiveConfig, override: dict[str, Any]) -> ObjectiveConfig:
    try:
        return ObjectiveConfig.model_validate(merge(base.model_dump(), override))
    except ValidationError as error:
        raise OverrideError(stage, ("objective",), dict(error.errors()[0])) from error


def _optimiser(stage: str, base: Optimiser, override: dict[str, Any]) -> Optimiser:
    if override.get("name", base.name) != base.name:
        raise ValueError(
            f"training.stages.{stage}.optimiser: it is '{base.name}' from the first epoch to the last; "
            "a stage may change its numbers"
        )
    try:
        return _OPTIMISER.validate_python(merge(base.model_dump(), override))
    except ValidationError as error:
        raise OverrideError(stage, ("training", "optimiser"), dict(error.errors()[0])) from error


def _with_schedules(stages: list[Stage]) -> tuple[Stage, ...]:
    restarts = [stage.first for stage in stages if stage.restart_optimiser]
    scheduled = []
    for stage in stages:
        start = max((epoch for epoch in restarts if epoch <= stage.first), default=0)
        end = min((epoch for epoch in restarts if epoch > stage.first), default=stages[-1].end)
        scheduled.append(replace(stage, schedule=range(start, end)))
    return tuple(scheduled)
