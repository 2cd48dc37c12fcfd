"""Reading, computing and writing at the same time, with a bounded number of items under way."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

from medsize.errors import InputError
from medsize.failures import is_of_the_disk

AHEAD: Final = 2
"""Items that are read before they are needed, and results that wait to be written: what memory is spent on."""

Item = TypeVar("Item")
Content = TypeVar("Content")
Result = TypeVar("Result")


def stream(
    items: Iterable[Item],
    read: Callable[[Item], Content],
    compute: Callable[[Content], Result],
    write: Callable[[Item, Result], None],
    finished: Callable[[InputError | None], None],
) -> None:
    """Pass items through three steps: ``read`` and ``write`` in a thread each, ``compute`` in this one.

    An item that fails with an ``InputError`` is finished with it, and the others go on. Any other exception, Ctrl-C
    and a disk that is full or broken, which the others would meet as well, end it: what is being read or written then
    is brought to its end, and what was computed is written.

    Args:
        items: As many as there are; at most ``AHEAD`` beyond the one in work are read at a time.
        read: From an item to its content.
        compute: From its content to its result.
        write: Puts the result where it belongs.
        finished: Called in this thread for each item, in their order, with its failure if there was one.
    """
    waiting = iter(items)
    reading: deque[tuple[Item, Future[Content]]] = deque()
    writing: deque[Future[None] | InputError] = deque()
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "write") as writer:
        try:
            for item in islice(waiting, AHEAD):
                reading.append((item, reader.submit(read, item)))
            while reading:
                item, content = reading.popleft()
                reading.extend((following, reader.submit(read, following)) for following in islice(waiting, 1))
                try:
                    writing.append(writer.submit(write, item, compute(content.result())))
                except InputError as error:
                    writing.append(error)
                while len(writing) > AHEAD or (writing and _is_done(writing[0])):
                    _finish(writing.popleft(), finished)
            while writing:
                _finish(writing.popleft(), finished)
        finally:
            reader.shutdown(wait=False, cancel_futures=True)


def _is_done(outcome: "Future[None] | InputError") -> bool:
    return isinstance(outcome, InputError) or outcome.done()


def _finish(outcome: "Future[None] | InputError", finished: Callable[[InputError | None], None]) -> None:
    if isinstance(outcome, InputError):
        finished(outcome)
        return
    try:
        outcome.result()
    except InputError as error:
        if is_of_the_disk(error):
            raise
        finished(error)
    else:
        finished(None)
