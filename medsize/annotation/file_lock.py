"""A lock on an open file that other processes respect."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def locked(file: IO[bytes]) -> Iterator[None]:
        """Hold the file for this process alone."""
        # Far behind the end, for Windows forbids others to read what is locked.
        file.seek(1 << 40)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        try:
            yield
        finally:
            file.seek(1 << 40)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    @contextmanager
    def locked(file: IO[bytes]) -> Iterator[None]:
        """Hold the file for this process alone; closing it lets go as well."""
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
