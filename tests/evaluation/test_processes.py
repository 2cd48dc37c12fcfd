import os

import pytest

from medsize.errors import InputError
from medsize.evaluation.processes import available_cores, in_processes


def square(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def fail(number: int) -> int:
    if number == 3:
        raise InputError("three cannot be used", remedy="take another")
    return number


def die(number: int) -> int:
    os._exit(number)


def test_one_process_does_everything_here_and_as_it_is_asked_for():
    drawn = []
    results = in_processes(square, (drawn.append(number) or number for number in range(5)), 1)
    assert next(results) == (0, os.getpid())
    assert drawn == [0]


def test_several_processes_give_the_results_in_order_from_elsewhere():
    results = list(in_processes(square, range(20), 2))
    assert [result for result, _ in results] == [number**2 for number in range(20)]
    assert os.getpid() not in {process for _, process in results}


def test_items_are_drawn_a_few_ahead_only():
    drawn = []
    results = in_processes(square, (drawn.append(number) or number for number in range(100)), 2)
    next(results)
    assert len(drawn) == 6
    results.close()


def test_an_error_of_one_item_arrives_whole():
    results = in_processes(fail, range(6), 2)
    with pytest.raises(InputError, match="three cannot be used") as caught:
        list(results)
    assert "take another" in str(caught.value)


def test_a_process_that_is_killed_is_named_as_such():
    with pytest.raises(InputError, match="ended from outside"):
        list(in_processes(die, [1], 2))


def test_there_is_at_least_one_core():
    assert available_cores() >= 1
