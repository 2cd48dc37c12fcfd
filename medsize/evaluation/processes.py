"""Work on many cases in several processes."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Final, TypeVar

from medsize.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

FEWEST_CASES: Final = 8
"""Fewer are done before another process has started."""

_WAITING_PER_PROCESS = 3


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(function: Callable[[Item], Result], items: Iterable[Item], processes: int) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in their order.

    Items are drawn while work is going on, a few ahead of the results, so memory does not grow with their number.
    When the caller stops, by an error or Ctrl-C, what waits is given up.

    Args:
        function: One of a module, so that a new process can import it.
        items: Picklable.
        processes: With 1, or less, everything is done here.

    Raises:
        InputError: A process was killed.
    """
    if processes <= 1:
        yield from map(function, items)
        return
    executor = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_parent)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) >= _WAITING_PER_PROCESS * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process that compared predictions with labels was ended from outside",
            found=str(error),
            remedy="the machine may be out of memory: end other programs, or use one core (taskset -c 0 medsize …)",
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
