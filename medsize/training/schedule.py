"""The learning rate as a function of the step alone, so that a resumed run needs no scheduler state."""


def polynomial(step: int, steps: int, *, learning_rate: float, power: float) -> float:
    """Return ``learning_rate · (1 − step/steps)^power`` (P0, section 4: power 0.9).

    Args:
        step: Step about to be taken, from 0.
        steps: Steps of the whole training.
        learning_rate: Initial rate.
        power: Exponent; 0 keeps the rate constant.
    """
    return float(learning_rate * (1 - step / steps) ** power)
