"""Text of other systems: one way to read it, and one way to show it."""

import json
from pathlib import Path
from typing import Any, Final

from medsize.errors import InputError

MOST_BYTES: Final = 256 * 2**20
"""No list, table or JSON that people give is as large; what is larger is something else."""

_LONG: Final = 80
_MARKS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_text(path: Path, expected: str, *, most_bytes: int = MOST_BYTES) -> str:
    r"""Read a text file as other systems write it: UTF-8 or UTF-16 with or without byte order mark, or Windows-1252.

    Args:
        path: The file.
        expected: What it should be, for messages, e.g. ``"the manifest, a comma-separated table"``.
        most_bytes: Files that are larger are refused before they are read.

    Returns:
        The text without byte order mark, its lines ended by ``\n``.

    Raises:
        InputError: There is no such file, it may not be read, is too large, or is no text.
    """
    return decode_text(read_bytes(path, expected, most_bytes=most_bytes), path, expected)


def read_bytes(path: Path, expected: str, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Read a file that people give, if it is not too large to be what it should be.

    Raises:
        InputError: There is no such file, it may not be read, or it is too large.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}", expected=expected)
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read", expected=expected, found=error.strerror, remedy="change the file's permissions"
        ) from error
    if len(content) > most_bytes:
        raise InputError(
            f"{path} is too large",
            expected=f"{expected}, of at most {most_bytes / 2**20:g} MiB",
            found=f"{path.stat().st_size / 2**20:,.0f} MiB",
        )
    return content


def decode_text(content: bytes, path: Path, expected: str) -> str:
    """Return the text of a file's content; see :func:`read_text`.

    Raises:
        InputError: It is no text.
    """
    marked = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
        break
    raise InputError(
        f"{path} is no text",
        expected=f"{expected}, in UTF-8",
        found="bytes that are no text",
        remedy="save it as UTF-8 text",
    )


def read_json(path: Path, expected: str, *, most_bytes: int = MOST_BYTES) -> Any:
    """Read a JSON file; arguments as of :func:`read_text`.

    Raises:
        InputError: As :func:`read_text`, or it is no JSON.
    """
    text = read_text(path, expected, most_bytes=most_bytes)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        found = "brackets within brackets without end" if isinstance(error, RecursionError) else str(error)
        raise InputError(
            f"{path} is no JSON", expected=expected, found=found if text.strip() else "an empty file"
        ) from error


def printable(text: str) -> str:
    r"""Return a text with what would act on a terminal escaped: ``\x1b`` instead of the character; line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in "\n\t" or _is_harmless(letter) else _escaped(letter) for letter in text)


def excerpt(text: str) -> str:
    """Return a text of other people for a message: in quotes, and of a long one the beginning and the length."""
    return repr(text) if len(text) <= _LONG else f"{text[:_LONG]!r}… ({len(text):,} characters)"


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or (letter.isspace() and letter not in "\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def _escaped(letter: str) -> str:
    return (
        letter.encode("unicode_escape").decode()
        if not "\udc80" <= letter <= "\udcff"
        else f"\\x{ord(letter) - 0xDC00:02x}"
    )
