"""The numbers of a training as it goes: ``metrics.jsonl`` always, TensorBoard if asked."""

import json
import os
from pathlib import Path
from typing import Any

from medsize.errors import InputError


class Records:
    """Appends one JSON object a line; can be cut back to a checkpoint.

    Args:
        path: ``metrics.jsonl``.
        tensorboard: Folder for TensorBoard files, or None.
        keep_bytes: Length to cut the file to first: what a resumed run had written at its checkpoint.

    Raises:
        InputError: TensorBoard is asked for and not installed, or the file lacks what a resumed run had written.
    """

    def __init__(self, path: Path, *, tensorboard: Path | None, keep_bytes: int) -> None:
        self._writer = require_tensorboard()(log_dir=str(tensorboard)) if tensorboard else None
        self._file = path.open("ab")
        if self._file.tell() < keep_bytes:
            self._file.close()
            raise InputError(
                f"{path} is shorter than it was at the checkpoint",
                expected=f"at least {keep_bytes} bytes",
                found=f"{path.stat().st_size} bytes",
                remedy="copy the run folder again, whole, or start a new run",
            )
        self._file.truncate(keep_bytes)

    def add(self, step: int, **record: Any) -> None:
        """Append a record and put it on disk."""
        line = json.dumps({"step": step, **record}, allow_nan=False)
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
        """Close the files."""
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
