import threading

import pytest

from medsize.errors import InputError
from medsize.inference.stream import AHEAD, stream


def run(items, *, read=None, compute=None, write=None, finished=None):
    written, outcomes = [], []
    stream(
        items,
        read or (lambda item: item),
        compute or (lambda content: content * 10),
        write or (lambda item, result: written.append((item, result))),
        finished or outcomes.append,
    )
    return written, outcomes


@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_every_item_passes_through_the_three_steps_in_order(count):
    written, outcomes = run(range(count))
    assert written == [(item, item * 10) for item in range(count)]
    assert outcomes == [None] * count


@pytest.mark.parametrize("step", ["read", "compute", "write"])
def test_an_item_that_cannot_be_used_does_not_stop_the_others(step):
    def fail_on_three(item, *rest):
        if item == 3:
            raise InputError("three")
        return item

    _, outcomes = run(range(8), **{step: fail_on_three})
    assert [outcome is not None for outcome in outcomes] == [item == 3 for item in range(8)]


def test_no_more_than_a_few_items_are_under_way():
    under_way, most = set(), []
    lock = threading.Lock()

    def read(item):
        with lock:
            under_way.add(item)
            most.append(len(under_way))
        return item

    def write(item, result):
        with lock:
            under_way.discard(item)

    run(range(60), read=read, write=write)
    assert max(most) <= 2 * AHEAD + 3
    assert not under_way


def test_reading_computing_and_writing_go_on_at_the_same_time():
    together = threading.Barrier(3, timeout=20)

    def meet(at):
        return lambda item, *rest: (together.wait(), item)[1] if item == at else item

    # item 2 is read while 1 is computed and 0 is written; one after the other they would never meet
    run(range(3), read=meet(2), compute=meet(1), write=meet(0))


def test_a_refusal_of_the_system_to_write_ends_it():
    def write(item, result):
        raise InputError("full") from OSError(28, "No space left on device")

    with pytest.raises(InputError, match="full"):
        run(range(1000), write=write)


def test_after_an_interruption_what_was_computed_is_written():
    written, computed = [], []

    def compute(content):
        if content == 5:
            raise KeyboardInterrupt
        computed.append(content)
        return content

    with pytest.raises(KeyboardInterrupt):
        run(range(100), compute=compute, write=lambda item, result: written.append(item))
    assert written == computed == [0, 1, 2, 3, 4]
