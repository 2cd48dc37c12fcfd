"""The columns of the table, under the names that people give them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from medsize.errors import InputError
from medsize.supervision.size_table.entry import Unit
from medsize.supervision.size_table.units import read_unit
from medsize.text import excerpt

COLUMNS: Final = (
    "case", "frame", "slice", "structure", "value", "low", "high", "unit", "rater", "seconds", "note",
)  # fmt: skip
"""The columns, in the order in which they are written."""

PHASE: Final = "phase"
"""A column of templates that helps people and is not read."""

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "case": "case id, patient, patient id, id, image, scan, fall, cas",
        "frame": "frame number, time frame",
        "slice": "slice number, slice index, plane, schicht, coupe",
        "structure": "label, organ, class, region, struktur, organe",
        "value": "size, volume, estimate, wert, größe, valeur, taille",
        "low": "lower, min, minimum, from, lower bound, at least, von",
        "high": "upper, max, maximum, to, upper bound, at most, bis",
        "unit": "units, einheit, unité",
        "rater": "raters, reader, observer, annotator, name",
        "seconds": "time, time s, seconds spent, duration, sec, sekunden, secondes",
        "note": "notes, comment, comments, remark, remarks, kommentar, bemerkung, commentaire",
    }
)
"""Other names of each column; upper and lower case, spaces, ``_`` and ``-`` do not matter."""

_BY_NAME: Final = {other.casefold(): column for column, others in NAMES.items() for other in others.split(", ")}
_UNIT: Final = re.compile(r"(.*?)\s*[(\[](.+)[)\]]")
_AMOUNTS: Final = ("value", "low", "high")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of a table are.

    Attributes:
        places: Place of each column that is there, from 0.
        units: Units that the header gives to ``value``, ``low`` and ``high``, as in ``volume (ml)``.
        others: Names of the columns that are not read, without that of the phase.
    """

    places: Mapping[str, int]
    units: Mapping[str, Unit]
    others: tuple[str, ...]


def find_columns(header: Sequence[str]) -> Columns:
    """Find the columns in a header.

    Args:
        header: The cells of the first row.

    Raises:
        InputError: A column that is needed is missing, or there twice.
    """
    plain = [_plain(name) for name in header]
    places: dict[str, int] = {}
    for column in COLUMNS:
        there = [place for place, (name, _) in enumerate(plain) if name == column]
        there = there or [place for place, (name, _) in enumerate(plain) if _BY_NAME.get(name) == column]
        if len(there) > 1:
            raise InputError(
                f"several columns for the {column}",
                found=", ".join(header[place] for place in there),
                remedy=f"call the one that counts '{column}'",
            )
        if there:
            places[column] = there[0]
    missing = [column for column in ("case", "structure") if column not in places]
    missing += ["value"] if not places.keys() & set(_AMOUNTS) else []
    if missing:
        unread = [name for place, name in enumerate(header) if name and place not in places.values()]
        raise InputError(
            f"no column {', '.join(missing)}",
            expected=", ".join(COLUMNS),
            found=excerpt(", ".join(header)) if any(header) else "nothing",
            remedy=next((f"rename '{name}' to '{near[0]}'" for name in unread if (near := _near(name, missing))), None),
        )
    units: dict[str, Unit] = {
        name: read_unit(text) for name in _AMOUNTS if name in places and (text := plain[places[name]][1])
    }
    others = tuple(
        name for place, name in enumerate(header) if name and place not in places.values() and plain[place][0] != PHASE
    )
    return Columns(places, units, others)


def count_columns(header: Sequence[str]) -> int:
    """Return how many cells of a row are names of columns."""
    return sum(name in COLUMNS or name in _BY_NAME for name, _ in map(_plain, header))


def _near(name: str, missing: Sequence[str]) -> list[str]:
    return get_close_matches(name.casefold(), missing, n=1)


def _plain(name: str) -> tuple[str, str]:
    """The bare name, and the unit in brackets."""
    text = unicodedata.normalize("NFKC", name).casefold().strip(" *:")
    bracket = _UNIT.fullmatch(text)
    bare, unit = bracket.groups() if bracket else (text, "")
    return " ".join(re.split(r"[\s_-]+", bare)), unit
