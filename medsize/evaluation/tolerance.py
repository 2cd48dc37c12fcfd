"""The tolerance of the NSD: how far borders may be apart, said by the user for each structure, never assumed."""

import math
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

from medsize.errors import InputError

_EXPECTED = "a tolerance in mm, above 0, for all structures (2) or for each (lv=1.5)"


def tolerances_of(given: float | Mapping[str, float] | None, structures: Collection[str]) -> dict[str, float]:
    """Return the tolerance in mm of each structure that has one.

    Args:
        given: One for all, or one a structure; None for none.
        structures: Those that are measured.

    Raises:
        InputError: There is no such structure.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return dict.fromkeys(structures, float(given))
    for name in given:
        if name not in structures:
            close = get_close_matches(name, structures, n=1)
            raise InputError(
                f"an NSD tolerance is given for '{name}', which is not measured here",
                expected=", ".join(structures),
                found=name,
                remedy=f"did you mean '{close[0]}'?" if close else None,
            )
    return {name: float(given[name]) for name in structures if name in given}


def parse_tolerances(texts: Sequence[str]) -> float | dict[str, float] | None:
    """Read the tolerances of the option ``--nsd-tolerance``, e.g. ``["2"]`` or ``["lv=1.5", "myo=1"]``.

    Raises:
        InputError: A text is neither, a structure is there twice, or both ways are mixed.
    """
    pairs = [text.rpartition("=") for text in texts]
    numbers = {name.strip(): _number(number, text) for (name, _, number), text in zip(pairs, texts, strict=True)}
    if len(numbers) < len(texts) or ("" in numbers and len(texts) > 1):
        raise InputError("--nsd-tolerance cannot be used", expected=f"{_EXPECTED}, each once", found=", ".join(texts))
    return numbers.get("", numbers) if numbers else None


def _number(number: str, text: str) -> float:
    try:
        tolerance_mm = float(number)
    except ValueError:
        tolerance_mm = math.nan
    if not 0 < tolerance_mm < math.inf:
        raise InputError("--nsd-tolerance cannot be used", expected=_EXPECTED, found=text)
    return tolerance_mm
