"""Names as people write them, and those of the data."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

from medsize.errors import InputError
from medsize.names import name_key
from medsize.text import excerpt

_MOST_SUGGESTIONS: Final = 100


class KnownNames:
    """The names that the data has, found as people write them: letters composed or not, upper or lower case.

    Args:
        names: The names there are.
        what: What they are the names of, e.g. ``"structure"``.
    """

    def __init__(self, names: Iterable[str], what: str) -> None:
        self._names = list(dict.fromkeys(names))
        self._what = what
        self._found: dict[str, str] = {name: name for name in self._names}
        self._alike: dict[str, list[str]] = {}
        for name in self._names:
            self._alike.setdefault(name_key(name), []).append(name)
        self._suggested = 0

    def find(self, written: str) -> str:
        """Return the name that is meant: the same, or the only one that :func:`~medsize.names.name_key` cannot tell.

        Raises:
            InputError: There is no such name; the nearest is suggested.
        """
        if (name := self._found.get(written)) is not None:
            return name
        alike = self._alike.get(name_key(written), [])
        if len(alike) != 1:
            raise InputError(f"unknown {self._what}", found=excerpt(written), remedy=self._remedy(written))
        self._found[written] = alike[0]
        return alike[0]

    def _remedy(self, written: str) -> str | None:
        self._suggested += 1  # a search through all names takes long where every row has an unknown one
        return meant(written, self._names) if self._suggested <= _MOST_SUGGESTIONS else None


def known_name(found: str, known: Sequence[str], what: str) -> str:
    """Return the name that is meant; see :class:`KnownNames`.

    Args:
        found: As written.
        known: The names there are.
        what: What it is the name of, e.g. ``"structure"``.

    Raises:
        InputError: There is no such name; the nearest is suggested.
    """
    return KnownNames(known, what).find(found)


def meant(found: str, known: Sequence[str]) -> str:
    """Return a remedy: the nearest known name, or some of them."""
    close = get_close_matches(found[:200], known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
