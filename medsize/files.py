"""Writing that is whole or absent: nothing half-written is ever left under a final name."""

import errno
import glob
import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final, Literal, NamedTuple

from medsize.errors import InputError
from medsize.locks import acquire

_PARTIAL: Final = ".partial"
_PLACE: Final = re.compile(rf"\{_PARTIAL}-[0-9a-f]{{16}}")
_REPLACED: Final = ".replaced"
_LOCK: Final = ".lock"
_WEEK_SECONDS: Final = 7 * 24 * 3600
_PROBE: Final = 2**20  # bytes
_POSIX: Final = os.name == "posix"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEDIES: Final = {
    errno.ENOSPC: "free some space, or choose a folder on another disk",
    errno.EDQUOT: "free some of your quota, or choose a folder on another disk",
    errno.EFBIG: "allow larger files (ulimit -f), or choose a folder on another disk",
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
    """Yield a temporary path: the file written there becomes ``path`` if the block ends well.

    Its name is that of ``path``, for writers that choose the format by it. Missing parent folders are made. When the
    block fails, ``path`` is as it was before.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    with _workplace(path) as place:
        partial = place / path.name
        yield partial
        _permit(partial, place)
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)


@contextmanager
def atomic_folder(path: Path, *, existing: Literal["replace", "keep"] = "replace") -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path``, with all in it, if the block ends well.

    Args:
        path: The final folder.
        existing: What happens to a ``path`` that is already there when the block ends: ``replace`` it, or
            ``keep`` it and discard the new one (for folders whose name says what is in them).

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    with _workplace(path) as place:
        partial = place / path.name
        partial.mkdir()
        yield partial
        for entry in [*partial.rglob("*"), partial]:
            _permit(entry, place)
            _sync(entry)
        if path.exists() and existing == "replace":
            _exchange(partial, path, place)
        elif not path.exists():
            _move_unless_present(partial, path)
        _sync(path.parent)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` that only this user may read; it is removed with all in it at the end.

    What a killed process left is removed by ``remove_abandoned``.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    with ExitStack() as stack:
        with writing(path):
            place = stack.enter_context(_held_folder(path.parent))
            partial = place / path.name
            partial.mkdir(mode=0o700)
        yield partial


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
    in its temporary one. Nothing happens when ``path`` is there.
    """
    if path.exists():
        return
    for old in path.parent.glob(f"{_PARTIAL}-*/{_REPLACED}/{glob.escape(path.name)}"):
        place = old.parents[1]
        with _lock_of(place) as file:
            if file is not None:
                acquire(file, wait=True)  # a process that lives is done with it in a moment
            if old.exists() and not path.exists():
                old.rename(path)
                shutil.rmtree(place, ignore_errors=True)


def remove_abandoned(folder: Path, *, recursive: bool = False) -> None:
    """Remove the temporary files and folders that killed processes left in ``folder``.

    Who writes holds a lock in its temporary folder, which ends with the process: one that can be taken belongs to
    nobody. That is known of processes of this machine, in whatever container; what another machine left, on a disk
    that both use, or on a disk without locks, goes when it was not touched for a week.

    Args:
        folder: Where to look; nothing happens if it is not there.
        recursive: Whether to look in the folders inside it as well.
    """
    if not _POSIX:  # elsewhere an open file cannot be removed
        return
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            if _PLACE.fullmatch(name):
                _remove_if_abandoned(Path(parent) / name)
        folders[:] = [name for name in folders if not _PLACE.fullmatch(name)] if recursive else []


@contextmanager
def writing(path: Path, place: Path | None = None) -> Iterator[None]:
    """Turn refusals to write at ``path`` into an ``InputError`` with a remedy.

    Refusals that concern files elsewhere (an input that may not be read, say) pass through unchanged. Libraries that
    write on their own raise errors of their own on a full disk; they are told by their cause, by their words, or by
    trying to go on.

    Args:
        path: What is written, for the message.
        place: The folder where that is done until it is whole, if there is one; it may be spoilt.

    Raises:
        InputError: The place cannot be written to, or the disk is full.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        refusal = _refusal(error, path, place)
        if refusal is None:
            raise
        raise InputError(
            f"cannot write {path}",
            found=f"{refusal.strerror}{f': {refusal.filename}' if refusal.filename else ''}",
            remedy=_REMEDIES[refusal.errno],
        ) from error


def _refusal(error: Exception, path: Path, place: Path | None) -> "_Refusal | None":
    """Return what the operating system refused, if an error comes from that."""
    if isinstance(error, OSError) and error.errno is not None:
        concerned = error.errno in _REMEDIES and _concerns(error, path)
        return _Refusal(error.errno, error.strerror or "", error.filename) if concerned else None
    below: BaseException | None = error
    while below is not None:
        number = below.errno if isinstance(below, OSError) else _number_in(str(below))
        if number in _FULL:
            return _Refusal(number, os.strerror(number))
        below = below.__cause__ or below.__context__
    number = _number_of_trying(place) if place is not None else None
    return _Refusal(number, os.strerror(number)) if number is not None else None


class _Refusal(NamedTuple):
    errno: int
    strerror: str
    filename: object = None


def _number_in(message: str) -> int | None:
    found = re.search(r"os error (\d+)", message)  # as Rust's libraries say it
    return int(found[1]) if found else next((number for number in _FULL if os.strerror(number) in message), None)


def _number_of_trying(place: Path) -> int | None:
    """Try to write on behind what was written; return the number of what the system says to it, if it refuses."""
    written = [entry for entry in place.rglob("*") if entry.is_file() and not entry.is_symlink()]
    for path in [*sorted(written, key=lambda entry: entry.stat().st_size)[-1:], place / "on"]:
        try:
            with path.open("ab") as file:
                file.write(bytes(_PROBE))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno in _FULL:
                return error.errno
    return None


def _concerns(error: OSError, path: Path) -> bool:
    if error.filename is None:
        return True  # a failed write or sync of an open file names nothing
    named = Path(os.fsdecode(error.filename)).absolute()
    parent = path.absolute().parent
    return named.is_relative_to(parent) or parent.is_relative_to(named)


@contextmanager
def _workplace(path: Path) -> Iterator[Path]:
    """Yield a folder beside ``path`` to write in; what is left in it at the end is removed."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _held_folder(path.parent) as place, writing(path, place):
            yield place


@contextmanager
def _held_folder(parent: Path) -> Iterator[Path]:
    """Yield a new temporary folder whose lock is held, so that others see that somebody works in it."""
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        place = parent / f"{_PARTIAL}-{secrets.token_hex(8)}"
        place.mkdir()
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            file = stack.enter_context((place / _LOCK).open("xb"))
            file.write(_machine().encode())
            file.flush()
            if acquire(file, wait=False) is not False and (place / _LOCK).exists():
                yield place
                return
        # somebody took it for abandoned in the moment before it was locked


@contextmanager
def _lock_of(place: Path) -> Iterator[IO[bytes] | None]:
    try:
        file = (place / _LOCK).open("r+b")
    except OSError:  # its process died before it made one, or it belongs to another user
        yield None
        return
    with file:
        yield file


def _remove_if_abandoned(place: Path) -> None:
    with _lock_of(place) as file:
        held = acquire(file, wait=False) if file is not None else None
        if held is False or not ((held and file is not None and file.read() == _machine().encode()) or _is_old(place)):
            return
        whole = [old for old in place.glob(f"{_REPLACED}/*") if not (place.parent / old.name).exists()]
        if not whole:  # else it is for restore_folder
            shutil.rmtree(place, ignore_errors=True)


def _is_old(place: Path) -> bool:
    try:
        newest = max(entry.lstat().st_mtime for entry in [place, *place.rglob("*")])
    except OSError:  # somebody is at work in it
        return False
    return time.time() - newest > _WEEK_SECONDS


def _machine() -> str:
    """Return what the processes have in common that see each other's locks, whatever containers they run in."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return socket.gethostname()


def _permit(entry: Path, place: Path) -> None:
    """Give a file or folder the permissions of ordinary new ones: some libraries keep what they write private."""
    if entry.is_symlink():
        return
    ordinary = stat.S_IMODE((place if entry.is_dir() else place / _LOCK).stat().st_mode)
    if stat.S_IMODE(entry.stat().st_mode) != ordinary:
        entry.chmod(ordinary)


def _move_unless_present(partial: Path, path: Path) -> None:
    try:
        partial.rename(path)
    except OSError:
        if not path.is_dir():  # otherwise another process was faster with the same content
            raise


def _exchange(partial: Path, path: Path, place: Path) -> None:
    old = place / _REPLACED / path.name
    old.parent.mkdir()
    path.rename(old)
    try:
        partial.rename(path)
    except BaseException:
        old.rename(path)
        raise


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
