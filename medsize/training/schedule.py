"""The learning rate as a function of the step alone, so that a resumed run needs no scheduler state."""

from medsize.config.divide import Stage
from medsize.config.training import StepDecay


def learning_rate(stage: Stage, decay: StepDecay | None, *, step: int, steps_an_epoch: int) -> float:
    """Return the rate of a step of a stage: polynomial, and lowered in steps if so asked, over the stage's schedule.

    Args:
        stage: The stage that the step is in.
        decay: Of the training.
        step: Step about to be taken, from 0, of the whole training.
        steps_an_epoch: Steps that an epoch has.
    """
    since = step - stage.schedule.start * steps_an_epoch
    rate = polynomial(
        since,
        len(stage.schedule) * steps_an_epoch,
        learning_rate=stage.optimiser.learning_rate,
        power=stage.polynomial_power,
    )
    return rate if decay is None else rate * decay.factor ** (since // (decay.epochs * steps_an_epoch))


def polynomial(step: int, steps: int, *, learning_rate: float, power: float) -> float:
    """Return ``learning_rate · (1 − step/steps)^power`` (P0, section 4: power 0.9).

    Args:
        step: Step about to be taken, from 0.
        steps: Steps of the whole training.
        learning_rate: Initial rate.
        power: Exponent; 0 keeps the rate constant.
    """
    return float(learning_rate * (1 - step / steps) ** power)
