"""The files that prepared data is made from: what they hold, and whether they held it all the while."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medsize.data.detached import detached_files
from medsize.digests import value_digest
from medsize.errors import InputError, InputErrors

_ENDS: Final = 4096  # bytes

_Stamp = tuple[int, int, int]
"""Size in bytes, and when a file's content and its entry changed; the latter time nobody can put back."""


@dataclass(frozen=True, slots=True)
class _State:
    digest: str
    stamps: tuple[_Stamp, ...]


class Originals:
    """Files as they were when they were first looked at.

    What is prepared is named by the digests of its originals, which are taken before they are read. An original that
    is edited in between would give the prepared data a name that is not its own, for ever: ``require_unchanged``,
    after reading, refuses that, even if the edit was taken back.

    Args:
        ends: Whether of each file the size and its two ends stand for the content: of many photos, nobody waits for
            more. A PNG ends in checksums of its pixels, and a JPEG with another picture is hardly ever as long to the
            byte.
    """

    def __init__(self, *, ends: bool = False) -> None:
        self._content = _ends if ends else _whole
        self._states: dict[Path, _State] = {}

    def digest(self, path: Path | None) -> str | None:
        """Return a digest of a file, of it and the files that it names as its data, or of all files in a folder.

        What cannot be read has a digest too: whoever reads it says it better.
        """
        if path is None:
            return None
        self._states[path] = self._state(path)
        return self._states[path].digest

    def require_unchanged(self, paths: Iterable[Path | None]) -> None:
        """Refuse files that were changed since ``digest`` was asked for; call it when they were read.

        Raises:
            InputErrors: They were, all of them are named.
        """
        problems = [
            InputError(
                f"{path} was changed while it was read",
                expected="files that stay as they are until the slices are prepared",
                remedy="run it again when nobody is editing or copying them",
            )
            for path in paths
            if path is not None and self._state(path) != self._states[path]
        ]
        if problems:
            raise InputErrors(problems)

    def _state(self, path: Path) -> _State:
        try:
            if not path.is_dir() and not (data := detached_files(path)):
                return self._content(path)
            inside = sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path, *data]
            states = [self._content(entry) for entry in inside]
        except OSError as error:
            return _State(f"unreadable: {error.strerror}", ())
        names = [os.path.relpath(entry, path) for entry in inside]
        digest = value_digest([[name, state.digest] for name, state in zip(names, states, strict=True)])
        return _State(digest, tuple(stamp for state in states for stamp in state.stamps))


def _whole(path: Path) -> _State:
    with path.open("rb") as file:
        stamp = _stamp(file.fileno())  # before its content, so that whatever comes after shows
        return _State(hashlib.file_digest(file, "blake2b").hexdigest(), (stamp,))


def _ends(path: Path) -> _State:
    with path.open("rb") as file:
        stamp = _stamp(file.fileno())
        beginning = file.read(_ENDS)
        file.seek(max(stamp[0] - _ENDS, 0))
        return _State(hashlib.blake2b(b"%d " % stamp[0] + beginning + file.read(_ENDS)).hexdigest()[:32], (stamp,))


def _stamp(descriptor: int) -> _Stamp:
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
