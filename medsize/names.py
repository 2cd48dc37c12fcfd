"""Names of cases and structures: which may be given, and which are the same."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from medsize.errors import InputError
from medsize.text import printable

MOST_BYTES: Final = 200
"""A file system takes 255 bytes for a name, and results append to it."""

_RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))]
)
_FORBIDDEN: Final = '/\\<>:"|?*'


def name_key(name: str) -> str:
    """Return what two spellings of one name have in common: composed letters (é of macOS is e and ´), lower case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def same_name(found: str, known: Iterable[str]) -> str | None:
    """Return the known name that is meant: the same, or the only one with the same :func:`name_key`."""
    known = list(known)
    if found in known:
        return found
    alike = [name for name in known if name_key(name) == name_key(found)]
    return alike[0] if len(alike) == 1 else None


def name_finder(known: Iterable[str]) -> Callable[[str], str | None]:
    """Return :func:`same_name` for names that many are looked up among."""
    exact = set(known)
    of_key: dict[str, list[str]] = defaultdict(list)
    for name in exact:
        of_key[name_key(name)].append(name)

    def find(found: str) -> str | None:
        alike = [found] if found in exact else of_key.get(name_key(found), [])
        return alike[0] if len(alike) == 1 else None

    return find


def check_name(name: str, what: str) -> str:
    """Return the name of a case or a structure, which becomes a file name on any system and a cell of tables.

    Args:
        name: As given.
        what: What it is the name of, e.g. ``"structure"``, or where it stands.

    Raises:
        InputError: It would lead to another folder, be no file name, or act on a terminal or in a spreadsheet.
    """
    problem = _problem(name)
    if problem:
        raise InputError(
            f"the {what} cannot have this name: {problem}",
            expected="letters, digits, spaces and . _ - ( ) and the like, without a path",
            found=quoted(name),
            remedy="rename it",
        )
    return name


def quoted(name: str) -> str:
    """Return a name for a message: in quotation marks, its control characters escaped, the end of a long one cut."""
    return repr(name if len(name) <= 60 else f"{name[:60]}…")


def _problem(name: str) -> str:
    if not name.strip():
        return "it is empty"
    if name != name.strip() or name.endswith("."):
        return "it begins or ends with a space, or ends with a dot"
    if name.startswith((".", "=", "+", "@", "-")):
        return f"it begins with '{name[0]}'"
    if any("\udc80" <= letter <= "\udcff" for letter in name):
        return f"it is a file's, and in another encoding than UTF-8: {printable(name)}"
    if printable(name) != name or "\n" in name or "\t" in name:
        return f"it has the control character {printable(name)!r}"
    if found := [letter for letter in name if letter in _FORBIDDEN]:
        return f"it has '{found[0]}'"
    if len(name.encode()) > MOST_BYTES:
        return f"it is longer than {MOST_BYTES} bytes"
    if name.split(".")[0].casefold() in _RESERVED:
        return "Windows keeps it for a device"
    return ""


def check_structure_name(name: str) -> str:
    """Return the name of a structure; ``background`` and ``all`` mean something else.

    Raises:
        InputError: As :func:`check_name`, or it is one of these.
    """
    if name_key(name) in ("background", "all", "foreground"):
        raise InputError(f"a structure cannot be called '{name}'", found="a word that has a meaning of its own")
    return check_name(name, "structure")
