import numpy as np
import pytest

from medsize.supervision.rng import NOISE, SEEDS, rng_for


def test_the_same_thing_gets_the_same_draws() -> None:
    assert rng_for(1, NOISE, "case", 3).random() == rng_for(1, NOISE, "case", 3).random()


@pytest.mark.parametrize(
    "other", [(2, NOISE, "case", 3), (1, SEEDS, "case", 3), (1, NOISE, "case2", 3), (1, NOISE, "case", 4)]
)
def test_another_thing_gets_other_draws(other: tuple[int, int, str, int]) -> None:
    assert rng_for(1, NOISE, "case", 3).random() != rng_for(*other).random()


def test_draws_for_bytes_depend_on_their_content() -> None:
    of = [np.zeros(4, np.uint8).tobytes(), np.ones(4, np.uint8).tobytes()]
    first, second, again = (rng_for(0, SEEDS, data).random() for data in (*of, of[0]))
    assert first == again != second


def test_draws_stay_the_same_over_versions() -> None:
    assert rng_for(0, NOISE, "patient001_frame01").integers(2**32) == 4228175010
