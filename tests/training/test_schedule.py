import pytest

from medsize.training.schedule import polynomial


@pytest.mark.parametrize(("step", "expected"), [(0, 0.005), (50, 0.005 * 0.5**0.9), (99, 0.005 * 0.01**0.9)])
def test_the_rate_falls_as_the_polynomial(step: int, expected: float):
    assert polynomial(step, 100, learning_rate=0.005, power=0.9) == pytest.approx(expected)


def test_power_zero_keeps_the_rate():
    assert {polynomial(step, 10, learning_rate=0.1, power=0) for step in range(10)} == {0.1}
