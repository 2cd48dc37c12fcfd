"""Names as people write them, and those of the data."""

from collections.abc import Sequence
from difflib import get_close_matches

from medsize.errors import InputError


def known_name(found: str, known: Sequence[str], what: str) -> str:
    """Return the name that is meant: the same, or the only one that differs by upper and lower case alone.

    Args:
        found: As written.
        known: The names there are.
        what: What it is the name of, e.g. ``"structure"``.

    Raises:
        InputError: There is no such name; the nearest is suggested.
    """
    if found in known:
        return found
    same = [name for name in known if name.casefold() == found.casefold()]
    if len(same) == 1:
        return same[0]
    raise InputError(f"unknown {what}", found=repr(found), remedy=meant(found, known))


def meant(found: str, known: Sequence[str]) -> str:
    """Return a remedy: the nearest known name, or some of them."""
    close = get_close_matches(found, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
