"""What a cell says about a size: a number, a range or a bound, in the notations of several countries."""

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from medsize.errors import InputError
from medsize.supervision.size_table.entry import Unit
from medsize.supervision.size_table.units import read_unit
from medsize.text import excerpt

Mark = Literal[".", ","]
MARKS: Final[tuple[Mark, Mark]] = (".", ",")

UNKNOWN: Final = frozenset({"", "?", "-", "–", "—", "n/a", "na", "n.a.", "unknown", "unclear"})
"""Cells that say nothing, like a blank one."""

MOST_LETTERS: Final = 100
"""A cell that is longer is no size; looking for one in it would take long."""

_NUMBER = r"(?:(?:\d+ )?\d+/\d+|\d[\d.,' ]*\d|\d|[.,]\d+)(?:e[+-]?\d+)?"
_UNIT = r"(?:%|[^\W\d_][^\d<>~]*?\^?[23]?(?: ?\d ?[x×*] ?\d)?\.?)"
_TO = r"(?:-|–|—|‐|−|to\b|bis\b|à)"
_ABOUT = re.compile(
    r"(?:[~≈∼]|(?:about|around|roughly|approximately|approx|circa|ca|environ|env|etwa|rund|ungefähr)\b\.?)\s*"
)
_BOUND = re.compile(r"(<=|≤|<|>=|≥|>)\s*")
_SINGLE_AMOUNT = re.compile(rf"({_NUMBER})\s*({_UNIT})?")
_RANGE = re.compile(rf"({_NUMBER})\s*({_UNIT})??\s*{_TO}\s*({_NUMBER})\s*({_UNIT})?")
_MORE_OR_LESS = re.compile(rf"({_NUMBER})\s*({_UNIT})??\s*(?:±|\+/-)\s*({_NUMBER})\s*({_UNIT})?")
_WITH_RANGE = re.compile(rf"({_NUMBER})\s*({_UNIT})??\s*\(\s*({_NUMBER})\s*{_TO}\s*({_NUMBER})\s*\)\s*({_UNIT})?")
_MONTHS = "jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
_DATE = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-](?:\d{2}|\d{4})|\d{4}-\d\d-\d\d(?: .*)?"
    rf"|\d{{1,4}}[. -]+(?:{_MONTHS})\w*\.?(?:[ -]?\d*)|(?:{_MONTHS})\w*[. -]+\d{{1,4}}"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """What one cell says.

    Attributes:
        value: A number, or None.
        low: The lower end of a range, or None.
        high: The upper end, or None.
        unit: The unit written with it, or None.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: Unit | None = None


NOTHING: Final = Amount()
"""What a blank cell says."""


def decimal_marks(cells: Iterable[str]) -> frozenset[Mark]:
    """Return the decimal marks that cells prove: ``1,5`` proves a comma, ``1,234`` nothing, ``1,234.5`` a point."""
    proven: set[Mark] = set()
    for cell in set(cells):
        if cell.isdecimal() or len(cell) > MOST_LETTERS:
            continue
        for token in re.findall(_NUMBER, _plain(cell)):
            readings = _readings(token)
            if len(readings) == 1 and any(mark in token for mark in MARKS):
                proven.update(readings)
    return frozenset(proven)


@lru_cache(maxsize=65536)
def read_amount(cell: str, decimal: Mark | None) -> Amount:
    """Read a cell such as ``1 234,5``, ``2 1/2``, ``~140 ml``, ``120–150``, ``140 (120-150)``, ``<5`` or ``35%``.

    A blank cell, ``?`` and ``-`` say nothing; ``<5`` is the range from 0 to 5. "About" is understood and left out.

    Args:
        cell: The text.
        decimal: The decimal mark of the table, if something in it tells.

    Raises:
        InputError: It is no size, or a number that can be read in two ways.
    """
    if len(cell) > MOST_LETTERS:
        raise _refused(cell, "not a size")
    text = _plain(cell)
    if text in UNKNOWN:
        return NOTHING
    if text.startswith("#"):
        raise _refused(cell, "an error of the spreadsheet instead of a size")
    if _DATE.fullmatch(text):
        raise _refused(
            cell,
            "a date instead of a size",
            "the spreadsheet makes it from something like 3-5: write the ends of a range in the columns low and high",
        )
    bare = text[about.end() :] if (about := _ABOUT.match(text)) else text
    bound = _BOUND.match(bare)
    if bound:
        bare = bare[bound.end() :]
        bare = bare[about.end() :] if (about := _ABOUT.match(bare)) else bare
        if match := _SINGLE_AMOUNT.fullmatch(bare):
            number, unit = _number(match[1], decimal, cell), _unit(cell, match[2])
            return Amount(low=0.0, high=number, unit=unit) if bound[1] in "<=≤" else Amount(low=number, unit=unit)
    elif match := _SINGLE_AMOUNT.fullmatch(bare):
        return Amount(_number(match[1], decimal, cell), unit=_unit(cell, match[2]))
    elif match := _RANGE.fullmatch(bare):
        low, high = (_number(match[end], decimal, cell) for end in (1, 3))
        return Amount(low=low, high=high, unit=_unit(cell, match[2], match[4]))
    elif match := _MORE_OR_LESS.fullmatch(bare):
        return _more_or_less(match, decimal, cell)
    elif match := _WITH_RANGE.fullmatch(bare):
        value, low, high = (_number(match[end], decimal, cell) for end in (1, 3, 4))
        return Amount(value, low, high, _unit(cell, match[2], match[5]))
    if re.fullmatch(rf"[-−–]\s*{_NUMBER}.*", text):
        raise _refused(cell, "a size cannot be negative")
    raise _refused(cell, "not a size")


def _more_or_less(match: re.Match[str], decimal: Mark | None, cell: str) -> Amount:
    """``100 ± 20 ml``, and ``100 ml ± 20 %`` of those 100."""
    value, margin = (_number(match[end], decimal, cell) for end in (1, 3))
    first, last = (_unit(cell, match[unit]) for unit in (2, 4))
    if last == "percent" and first is None:
        raise _refused(
            cell, "percent of what?", f"write '{match[1]} % ± {match[3]} %', or the unit of the size before ±"
        )
    if last == "percent" and first != "percent":
        return Amount(value, max(value * (1 - margin / 100), 0.0), value * (1 + margin / 100), first)
    return Amount(value, max(value - margin, 0.0), value + margin, _unit(cell, match[2], match[4]))


def _plain(text: str) -> str:
    """The text in lower case, with ordinary spaces and digits, and one apostrophe."""
    if text.isascii():
        plain = text.casefold()
    else:
        apart = re.sub("([¼-¾⅐-⅞])", r" \1", text)  # 2½ is 2 1/2, not 21/2
        plain = unicodedata.normalize("NFKC", apart).casefold().translate({ord("’"): "'", ord("⁄"): "/"})
    return " ".join(re.sub(r"\.{2,}", " - ", plain).split())


def _number(token: str, decimal: Mark | None, cell: str) -> float:
    if "/" in token:
        return _fraction(token, cell)
    readings = _readings(token)
    if not readings:
        raise _refused(cell, f"'{token}' is not a number")
    numbers = set(readings.values())
    if any(map(math.isinf, numbers)) or (0 in numbers and re.search("[1-9]", token.partition("e")[0])):
        raise _refused(cell, f"'{token}' is not a size")
    if len(numbers) == 1:
        return numbers.pop()
    if decimal is None:
        raise InputError(
            f"'{token}' can be read in two ways",
            expected="a number that is clear, or one elsewhere in the table that shows its decimal mark",
            found=f"{readings['.']:g} with '.' as the decimal mark, {readings[',']:g} with ','",
            remedy=f"write {token}0 or {re.sub('[.,]', '', token)}, whichever is meant",
        )
    return readings[decimal]


def _fraction(token: str, cell: str) -> float:
    """``1/2`` or ``2 1/2``, as people count cells."""
    *whole, part = token.split()
    above, below = map(float, part.split("/"))
    if not 0 < above < below:
        raise _refused(cell, f"'{token}' is not a fraction")
    return (float(whole[0]) if whole else 0) + above / below


def _readings(token: str) -> dict[Mark, float]:
    """What a number is with each decimal mark; a mark that is impossible is left out."""
    readings: dict[Mark, float] = {}
    mantissa, exponent, _ = token.partition("e")
    for mark in MARKS:
        if (exponent and _SINGLE[mark].fullmatch(mantissa)) or (not exponent and _GROUPED[mark].fullmatch(mantissa)):
            digits = re.sub("[ ']", "", token).replace("," if mark == "." else ".", "")
            readings[mark] = float(digits.replace(mark, "."))
    return readings


_SINGLE: Final = {mark: re.compile(rf"\d+(?:[{mark}]\d+)?|[{mark}]\d+") for mark in MARKS}
_GROUPED: Final = {
    mark: re.compile(rf"{_SINGLE[mark].pattern}|[1-9]\d{{0,2}}([{' '}'{other}])\d{{3}}(?:\1\d{{3}})*(?:[{mark}]\d+)?")
    for mark, other in zip(MARKS, reversed(MARKS), strict=True)
}


def _unit(cell: str, *written: str | None) -> Unit | None:
    units = {read_unit(text) for text in written if text}
    if len(units) > 1:
        raise _refused(cell, "two units in one cell")
    return units.pop() if units else None


def _refused(cell: str, problem: str, remedy: str | None = None) -> InputError:
    return InputError(
        problem,
        expected="a number such as 140, a range such as 120-150, or nothing",
        found=excerpt(cell),
        remedy=remedy,
    )
