"""A folder that one process at a time works in."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from medsize.console import say
from medsize.errors import InputError
from medsize.files import writing
from medsize.locks import acquire, is_still, release

CLAIM: Final = ".claim"
"""Name of the file that is locked."""


@contextmanager
def locked(file: IO[bytes]) -> Iterator[None]:
    """Hold an open file for this process alone; wait for others that hold it."""
    _lock(file, wait=True)
    try:
        yield
    finally:
        release(file)


@contextmanager
def claimed(folder: Path, doing: str) -> Iterator[None]:
    """Be the only process that writes into a folder, which is made if it is not there.

    The claim is a lock on the file ``.claim`` in it, which tells who holds it. It ends with the block, or with the
    process however that ends; the file is removed, and so is the folder if the block left it new and empty.

    Args:
        folder: The folder.
        doing: What is done in it, for the message of others, e.g. ``"training"``.

    Raises:
        InputError: Another process has claimed it; the message names it. Or the place cannot be written to.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    path = folder / CLAIM
    with writing(path):
        file = _open_claimed(path, folder, doing)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: whoever waits for it finds that it is gone, and makes another
        release(file)
        file.close()
        for each in missing:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()


def _open_claimed(path: Path, folder: Path, doing: str) -> IO[bytes]:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a+b")
        except FileNotFoundError:  # its holder let go, and removed the folder, which it had made and left empty
            continue
        if not _lock(file, wait=False):
            file.seek(0)
            holder = _holder(file.read())
            file.close()
            raise InputError(
                f"another process is at work in {folder}",
                expected=f"one process at a time ({doing})",
                found=holder,
                remedy="wait until it has ended, or choose another folder",
            )
        if is_still(path, file):
            file.truncate(0)
            file.write(json.dumps(_about(doing)).encode())
            file.flush()
            return file
        file.close()  # its holder let go, and removed it, after it was opened here


def _lock(file: IO[bytes], *, wait: bool) -> bool:
    """Lock an open file, or say that the disk cannot; return whether nobody else holds it."""
    held = acquire(file, wait=wait)
    if held is None:
        say(f"{file.name}: this disk knows no locks, so nothing keeps other processes out")
    return held is not False


def _about(doing: str) -> dict[str, Any]:
    return {
        "doing": doing,
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _holder(content: bytes) -> str:
    try:
        about = json.loads(content)
        return f"{about['doing']} by process {about['process']} on {about['host']}, since {about['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has just begun"
