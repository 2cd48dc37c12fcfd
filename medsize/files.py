"""Writing that is whole or absent: nothing half-written is ever left under a final name."""

import errno
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from medsize.errors import InputError

_PARTIAL = ".partial"
_REPLACED = ".replaced"
_POSIX = os.name == "posix"
_REMEDIES = {
    errno.ENOSPC: "free some space, or choose a folder on another disk",
    errno.EDQUOT: "free some of your quota, or choose a folder on another disk",
    errno.EACCES: "choose a folder you may write to, or change its permissions",
    errno.EPERM: "choose a folder you may write to, or change its permissions",
    errno.EROFS: "choose a folder on a disk that is not read-only",
    errno.ENOTDIR: "choose a path whose parents are folders, not files",
    errno.EEXIST: "choose a path whose parents are folders, not files",
    errno.EISDIR: "choose a path that is not a folder",
    errno.ENAMETOOLONG: "choose a shorter path",
}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``: the file written there becomes ``path`` if the block ends well.

    The temporary name keeps the suffixes of ``path``, for writers that choose the format by them. Missing
    parent folders are made. When the block fails, ``path`` is as it was before.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    partial = _temporary(path, _PARTIAL)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _sync(partial)
            partial.replace(path)
            _sync(path.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def atomic_folder(path: Path, *, existing: Literal["replace", "keep"] = "replace") -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that becomes ``path``, with all in it, if the block ends well.

    Args:
        path: The final folder.
        existing: What happens to a ``path`` that is already there when the block ends: ``replace`` it, or
            ``keep`` it and discard the new one (for folders whose name says what is in them).

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    partial = _temporary(path, _PARTIAL)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        try:
            yield partial
            for entry in [*partial.rglob("*"), partial]:
                _sync(entry)
            if path.exists() and existing == "replace":
                _exchange(partial, path)
            elif not path.exists():
                _move_unless_present(partial, path)
            _sync(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` that only this user may read; it is removed with all in it at the end.

    What a killed process left is removed by ``remove_abandoned``.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    partial = _temporary(path, _PARTIAL)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8 and with its line ends as given.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


def restore_folder(path: Path) -> None:
    """Put back a folder whose replacement was killed halfway; call it before reading ``path``.

    Replacing a folder takes two renames. A process killed exactly between them leaves the old folder, whole,
    under a temporary name. Nothing happens when ``path`` is there.
    """
    if path.exists() or not path.parent.is_dir():
        return
    for old in path.parent.glob(f"{_REPLACED}-*-*-*-*"):
        if old.name.split("-", 4)[-1] == path.name:
            old.rename(path)
            return


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes of this machine left in ``folder``."""
    if not _POSIX:  # elsewhere there is no harmless way to ask whether a process lives
        return
    for entry in [*folder.glob(f"{_PARTIAL}-*-*-*-*"), *folder.glob(f"{_REPLACED}-*-*-*-*")]:
        kind, host, process, _, name = entry.name.split("-", 4)
        superseded = kind == _PARTIAL or (folder / name).exists()
        if superseded and host == _host() and not _lives(int(process)):
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write at ``path`` into an ``InputError`` with a remedy.

    Refusals that concern files elsewhere (an input that may not be read, say) pass through unchanged.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES or not _concerns(error, path):
            raise
        raise InputError(
            f"cannot write {path}",
            found=f"{error.strerror}{f': {error.filename}' if error.filename else ''}",
            remedy=_REMEDIES[error.errno],
        ) from error


def _concerns(error: OSError, path: Path) -> bool:
    if error.filename is None:
        return True  # a failed write or sync of an open file names nothing
    named = Path(os.fsdecode(error.filename)).absolute()
    parent = path.absolute().parent
    return named.is_relative_to(parent) or parent.is_relative_to(named)


def _temporary(path: Path, kind: str) -> Path:
    return path.with_name(f"{kind}-{_host()}-{os.getpid()}-{secrets.token_hex(4)}-{path.name}")


def _host() -> str:
    return socket.gethostname().replace("-", "_")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _move_unless_present(partial: Path, path: Path) -> None:
    try:
        partial.rename(path)
    except OSError:
        if not path.is_dir():  # otherwise another process was faster with the same content
            raise


def _exchange(partial: Path, path: Path) -> None:
    old = _temporary(path, _REPLACED)
    path.rename(old)
    try:
        partial.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    if path.is_dir() and not _POSIX:  # only POSIX systems can synchronise a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network disks cannot, and say so
            raise
    finally:
        os.close(descriptor)
