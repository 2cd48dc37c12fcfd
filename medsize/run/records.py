"""The numbers of a training as it goes: ``metrics.jsonl`` always, TensorBoard if asked."""

import json
import os
from pathlib import Path
from typing import Any

from medsize.errors import InputError
from medsize.files import writing
from medsize.text import printable, read_bytes, read_text


class Records:
    """Appends one JSON object a line; can be cut back to a checkpoint.

    Args:
        path: ``metrics.jsonl``.
        tensorboard: Folder for TensorBoard files, or None.
        keep_bytes: Length to cut the file to first: what a resumed run had written at its checkpoint.

    Raises:
        InputError: TensorBoard is asked for and not installed, or the file cannot be written to.
    """

    def __init__(self, path: Path, *, tensorboard: Path | None, keep_bytes: int) -> None:
        self._writer = require_tensorboard()(log_dir=str(tensorboard)) if tensorboard else None
        self._path = path
        with writing(path):
            self._file = path.open("ab")
            if self._file.tell() > keep_bytes:
                self._file.truncate(keep_bytes)

    def add(self, step: int, **record: Any) -> None:
        """Append a record and put it on disk.

        Raises:
            InputError: The disk is full.
        """
        line = json.dumps({"step": step, **record}, allow_nan=False)
        with writing(self._path):
            self._file.write(line.encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        if self._writer is not None:
            for name, value in _numbers(record):
                self._writer.add_scalar(f"{record['kind']}/{name}", value, step)

    @property
    def bytes(self) -> int:
        """Length of the file so far."""
        return self._file.tell()

    def close(self) -> None:
        """Close the files.

        Raises:
            InputError: The disk is full.
        """
        with writing(self._path):
            self._file.close()
        if self._writer is not None:
            self._writer.close()


def _numbers(record: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in record.items():
        if isinstance(value, dict):
            found += _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((prefix + name, float(value)))
    return found


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read ``metrics.jsonl``; a last line without its end was being written when the training was stopped.

    Raises:
        InputError: The file is missing or damaged.
    """
    records = []
    lines = read_text(path, "the records of epochs and validations that 'medsize train' writes").split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            records.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{path}, line {number}: not a record",
                expected="one JSON object a line",
                found=line[:60],
                remedy="copy the run folder again, whole",
            ) from error
    return records


def require_records(path: Path, keep_bytes: int) -> None:
    """Check that a file of records has what a run to be resumed had written.

    Args:
        path: ``metrics.jsonl``.
        keep_bytes: Its length at the checkpoint.

    Raises:
        InputError: The file is missing, too short, or holds something else.
    """
    remedy = "copy the run folder again, whole, or start a new run"
    content = read_bytes(path, "a record a line, as 'medsize train' writes them") if keep_bytes else b""
    if len(content) < keep_bytes:
        raise InputError(
            f"{path} is shorter than it was at the checkpoint",
            expected=f"at least {keep_bytes} bytes",
            found=f"{len(content)} bytes",
            remedy=remedy,
        )
    for number, line in enumerate(content[:keep_bytes].splitlines(), start=1):
        if not _is_record(line):
            raise InputError(
                f"{path}, line {number}: not a record",
                expected="a JSON object with its kind, as 'medsize train' writes them",
                found=printable(line[:40].decode("utf-8", "replace")),
                remedy=remedy,
            )


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "kind" in record


def require_tensorboard() -> Any:
    """Return TensorBoard's ``SummaryWriter``.

    Raises:
        InputError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "training.tensorboard is on, but TensorBoard is not installed",
            remedy="pip install 'medsize[tensorboard]', or set training.tensorboard to false",
        ) from error
    return SummaryWriter
