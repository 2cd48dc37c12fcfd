"""Digests: whether two files, or two values, are the same."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medsize.errors import InputError


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits; of a run's weights it names the network.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read", found=str(error.strerror), remedy="copy the file again, or change its permissions"
        ) from error


def files_digest(paths: Sequence[Path]) -> str:
    """Return the digest of files in an order; of a single one it is the file's own.

    Raises:
        InputError: As :func:`file_digest`.
    """
    digests = [file_digest(path) for path in paths]
    return digests[0] if len(digests) == 1 else value_digest(digests)


def stamp(paths: Sequence[Path]) -> tuple[tuple[int, ...], ...]:
    """Return what changes whenever somebody writes one of the files, or puts another in its place.

    Raises:
        OSError: A file is not there.
    """
    stats = [path.stat() for path in paths]
    return tuple((of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns) for of in stats)


def value_digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON, 64 hexadecimal digits; the order of keys changes nothing.

    Args:
        value: Made of what JSON knows: texts, numbers, true, false, none, lists, and mappings with texts as keys.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
