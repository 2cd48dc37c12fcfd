"""Digests: whether two files, or two values, are the same."""

import hashlib
import json
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


def value_digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON, 64 hexadecimal digits; the order of keys changes nothing.

    Args:
        value: Made of what JSON knows: texts, numbers, true, false, none, lists, and mappings with texts as keys.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
