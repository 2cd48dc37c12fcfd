"""Locks on open files, which end with the process that holds them, however it ends."""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

if sys.platform == "win32":
    import msvcrt

    _FAR: Final = 1 << 40  # behind the end, for Windows forbids others to read what is locked

    def acquire(file: IO[bytes], *, wait: bool) -> bool | None:
        """Lock an open file against others; see below."""
        while True:
            file.seek(_FAR)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
                time.sleep(0.05)
            else:
                return True

    def release(file: IO[bytes]) -> None:
        """Let go of an open file."""
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def acquire(file: IO[bytes], *, wait: bool) -> bool | None:
        """Lock an open file against others, in this process and in others of this machine.

        Args:
            file: Open for writing (network disks ask for that).
            wait: Whether to wait for whoever holds it.

        Returns:
            Whether it is held now; None where the disk knows no locks.
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            return None
        return True

    def release(file: IO[bytes]) -> None:
        """Let go of an open file; closing it does so as well."""
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def alone(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Run the block in one process at a time; others wait.

    Args:
        path: A file for the lock, in a folder that is there; it is removed at the end.
        waiting: Called if another process has to be waited for.
    """
    while True:
        with path.open("a+b") as file:
            if acquire(file, wait=False) is False:
                waiting()
                acquire(file, wait=True)
            if not is_still(path, file):
                continue  # whoever was waited for has removed it
            try:
                yield
            finally:
                with suppress(PermissionError):  # Windows keeps a file that is open
                    path.unlink(missing_ok=True)
            return


def is_still(path: Path, file: IO[bytes]) -> bool:
    """Tell whether an open file is the one that has this path now; whoever held it before may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
