import pytest

from medsize.config.divide import Stage
from medsize.config.objective import ObjectiveConfig
from medsize.config.training import SGDConfig, StepDecay
from medsize.training.schedule import learning_rate, polynomial


@pytest.mark.parametrize(("step", "expected"), [(0, 0.005), (50, 0.005 * 0.5**0.9), (99, 0.005 * 0.01**0.9)])
def test_the_rate_falls_as_the_polynomial(step: int, expected: float):
    assert polynomial(step, 100, learning_rate=0.005, power=0.9) == pytest.approx(expected)


def test_power_zero_keeps_the_rate():
    assert {polynomial(step, 10, learning_rate=0.1, power=0) for step in range(10)} == {0.1}


def rate(step: int, *, schedule: range, decay: StepDecay | None = None, power: float = 0.0) -> float:
    objective = ObjectiveConfig.model_validate({"expand": {}})
    stage = Stage("a", 4, 4, objective, SGDConfig(learning_rate=0.1), power, schedule)
    return learning_rate(stage, decay, step=step, steps_an_epoch=10)


def test_the_rate_falls_over_the_schedule_of_the_stage():
    assert rate(40, schedule=range(4, 8), power=0.9) == 0.1
    assert rate(60, schedule=range(4, 8), power=0.9) == pytest.approx(0.1 * 0.5**0.9)
    assert rate(40, schedule=range(8), power=0.9) == pytest.approx(0.1 * 0.5**0.9)


def test_the_rate_drops_after_every_so_many_epochs():
    decay = StepDecay(epochs=2)
    rates = [rate(step, schedule=range(4, 10), decay=decay) for step in (40, 59, 60, 79, 80, 99)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
