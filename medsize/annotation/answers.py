"""What raters answered: one append-only file a rater, on disk before it is acknowledged."""

import hashlib
import os
import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Final, Literal

from pydantic import Field, ValidationError, model_validator

from medsize.claim import locked
from medsize.config.model import Model
from medsize.errors import InputError
from medsize.files import writing

BACKGROUND: Final = "background"
"""The name under which background seeds are drawn; no structure may be called so."""

Unit = Literal["cells 5x4", "cells 3x3", "percent", "ml"]
WHOLE: Final[dict[Unit, float]] = {"cells 5x4": 20, "cells 3x3": 9, "percent": 100}
"""What the whole slice counts in each unit of slices."""

_NAME = re.compile(r"\w[\w .'-]{0,39}")
_Size = Annotated[float, Field(ge=0)] | None
_Point = tuple[float, float]


class Stroke(Model):
    """A seed: a click (one point) or a short line through several.

    Points are voxel positions (x, y) of the case, whole numbers at voxel centres.
    """

    structure: str
    slice: int = Field(ge=0)
    """Slice of the case, counted from 0."""
    radius: float = Field(gt=0, le=50)
    """Half the width of the line, in voxels."""
    points: tuple[_Point, ...] = Field(min_length=1, max_length=5000)


class Answer(Model):
    """What a rater said about one structure of one slice, or of one case."""

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    """Made by the page: the same answer sent twice is one answer."""
    rater: str
    case: str
    slice: int | None
    """Counted from 0; nothing when the answer is about the whole case."""
    structure: str
    value: _Size
    """Nothing when the rater does not know, or gave a range alone."""
    low: _Size
    high: _Size
    unit: Unit
    seconds: float = Field(ge=0)
    """Time on this structure while the page was visible."""
    seeds: tuple[Stroke, ...] = Field(max_length=500)
    note: str = Field(max_length=500)
    time: datetime
    """When the server took it."""

    @model_validator(mode="after")
    def _range_is_one(self) -> "Answer":
        if (self.low is None) != (self.high is None):
            raise ValueError("a range needs both its ends")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"a range from {self.low:g} to {self.high:g} runs backwards")
        return self

    @property
    def key(self) -> tuple[str, int | None, str]:
        """What the answer is about; a rater's later answer about the same replaces the earlier one."""
        return self.case, self.slice, self.structure


def rater_name(text: str) -> str:
    """Return a rater's name with its spaces tidied.

    Raises:
        InputError: The name is empty, too long, or holds what names do not hold.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not _NAME.fullmatch(name) or ".." in name:
        raise InputError(
            "this name cannot be used",
            expected="1 to 40 letters, digits, spaces, and . ' - inside",
            found=repr(text[:60]),
        )
    return name


class AnswerStore:
    """The answers of all raters in a folder, one JSON object a line, one file a rater.

    Several threads and several processes may write at once. An answer is on disk (written, then fsynced) before
    ``append`` returns; a line that a crash cut short was never acknowledged and is passed over. Other lines that say
    nothing were damaged since, and are passed over as well.

    Args:
        folder: Folder of the files; it is made with the first answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, _RaterFile] = {}
        self._lock = threading.Lock()

    def append(self, answer: Answer) -> bool:
        """Keep an answer.

        Returns:
            Whether it is new; an answer that is there already is not written again.

        Raises:
            InputError: It cannot be written, or another answer has its id.
        """
        with writing(self.folder):
            return self._file(self._path(answer.rater)).append(answer)

    def answers(self, rater: str) -> list[Answer]:
        """Return a rater's answers in the order in which they were given, replaced ones included."""
        return self._file(self._path(rater)).read()

    def latest(self, rater: str) -> dict[tuple[str, int | None, str], Answer]:
        """Return a rater's last answer about each thing."""
        return {answer.key: answer for answer in self.answers(rater)}

    def raters(self) -> list[str]:
        """Return the names of everybody who answered."""
        names = [answers[0].rater for answers in self._all() if answers]
        return sorted(names, key=str.casefold)

    @property
    def unfinished(self) -> int:
        """How many lines were cut short, by a crash or a full disk."""
        self._all()
        return sum(file.unfinished for file in self._files.values())

    @property
    def damaged(self) -> list[str]:
        """Where lines are that once were answers, in words."""
        self._all()
        files = sorted(self._files.values(), key=lambda file: file.path.name)
        return [f"{file.path}, line {line}" for file in files for line in file.damaged]

    def _all(self) -> list[list[Answer]]:
        return [self._file(path).read() for path in sorted(self.folder.glob("*.jsonl"))]

    def _path(self, rater: str) -> Path:
        name = rater_name(rater)
        plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
        return self.folder / f"{slug or 'rater'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.jsonl"

    def _file(self, path: Path) -> "_RaterFile":
        with self._lock:
            return self._files.setdefault(path.name, _RaterFile(path))


class _RaterFile:
    """One rater's file, and what of it was read so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unfinished = 0
        self.damaged: list[int] = []
        self._lines = 0
        self._known: dict[str, Answer] = {}
        self._offset = 0
        self._lock = threading.Lock()

    def append(self, answer: Answer) -> bool:
        with self._opened() as file:
            if self._catch_up(file):  # a writer died here; with the file locked nobody is in the middle of a line
                _write(file, b"\n")
                self._catch_up(file)
            there = self._known.get(answer.id)
            if there is not None and there.model_copy(update={"time": answer.time}) != answer:
                raise InputError(f"another answer has the id {answer.id}", remedy="reload the page and answer again")
            if there is None:
                _write(file, answer.model_dump_json().encode() + b"\n")
            os.fsync(file.fileno())  # of a known answer too: whoever wrote it may have died before this
            self._catch_up(file)
        return there is None

    def read(self) -> list[Answer]:
        with self._lock:
            try:
                if self.path.is_file():
                    with self.path.open("rb") as file:
                        self._catch_up(file)
            except OSError as error:
                raise InputError(
                    f"{self.path} cannot be read", found=error.strerror, remedy="change the file's permissions"
                ) from error
            return list(self._known.values())

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file, locked(file):
                if not self._offset and os.name == "posix":
                    _sync_folder(self.path.parent)  # the file's name has to last as well
                yield file

    def _catch_up(self, file: IO[bytes]) -> bool:
        """Take in the lines that were added since; return whether the file ends in the middle of one."""
        file.seek(self._offset)
        *lines, rest = file.read().split(b"\n")
        for line in lines:
            self._offset += len(line) + 1
            self._lines += 1
            answer = _parse(line)
            if answer is not None:
                self._known.setdefault(answer.id, answer)
            elif line.endswith(b"}"):
                self.damaged.append(self._lines)
            else:
                self.unfinished += 1
        return bool(rest)


def _parse(line: bytes) -> Answer | None:
    try:
        return Answer.model_validate_json(line)
    except ValidationError:
        return None


def _write(file: IO[bytes], line: bytes) -> None:
    left = memoryview(line)
    while left:  # a disk that fills up takes a part
        left = left[file.write(left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
