"""What an exception of the system or of a library means to the user."""

import errno
from pathlib import Path
from typing import Final

from medsize.errors import InputError

_NO_MEMORY: Final = (
    "allocate memory",
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "array is too big",
    "maximum allowed dimension exceeded",
)
"""What numpy, torch and ITK say in exceptions of their own, in small letters."""
_OF_THE_DISK: Final = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])


def failure(path: Path, what: str, error: Exception, remedy: str) -> InputError:
    """Return the failure of one thing of the user's from whatever was raised over it.

    Args:
        path: The thing, as the user knows it.
        what: What became of it, e.g. ``"cannot be read"``.
        error: What was raised.
        remedy: What helps as a rule; where memory was too small, that is said instead.
    """
    if is_out_of_memory(error):
        return no_memory(f"{path} {what}: it takes more memory than there is", error)
    if isinstance(error, OSError) and error.strerror:
        return InputError(f"{path} {what}", found=error.strerror, remedy=remedy)
    return InputError(f"{path} {what}", found=f"{type(error).__name__}: {_first_line(error)}", remedy=remedy)


def no_memory(problem: str, error: Exception) -> InputError:
    """Return the failure of something for which the memory of the computer, or of its GPU, is too small."""
    return InputError(
        problem,
        found=_first_line(error) or "not enough memory",
        remedy="use a smaller --batch or image, end other programs, or take a computer with more memory",
    )


def refused(error: OSError) -> InputError:
    """Return the failure that a refusal of the operating system is, where nobody knows more about it."""
    return InputError(
        str(error.filename or "a file, or the connection to another program"),
        found=error.strerror,
        remedy="look whether it is there, whether you may read and write it, and whether the disk has room",
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory was too small, which libraries say in exceptions of many kinds."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY)


def is_of_the_disk(error: BaseException | None) -> bool:
    """Tell whether writing failed for a reason that everything else meets too: the disk is full, broken or locked."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            return True
        error = error.__cause__
    return False


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:300]
