"""What a spreadsheet shows for a number, by the cell's number format (ECMA-376 part 1, 18.8.31)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from medsize.errors import InputError
from medsize.text import excerpt

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"?'
    r"|\\(?P<escaped>.)"
    r"|(?P<skipped>_.|\*.)"  # as wide as the next letter, or filled with it
    r"|\[\$(?P<currency>[^\]-]*)[^\]]*\]"
    r"|\[(?P<condition>[<>=]+-?[\d.]+)\]"
    r"|\[[^\]]*\]"  # a colour, a locale
    r"|(?P<number>general|@|e[+-]|[0#?.,]|/[ \d]*)"
    r"|(?P<end>;)"
    r"|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_SCALED: Final = re.compile(r"[0#?],+(?:\.|$)")
_CONDITION: Final = re.compile(r"([<>=]+)(-?[\d.]+)")


@dataclass(frozen=True, slots=True)
class _Section:
    """One part of a format; formats have up to one for each of positive, negative, zero and text.

    Attributes:
        condition: Which numbers it is for, e.g. ``<1``; empty where its place tells.
        before: The text before the number.
        after: The text after it.
        within: The text between its digits.
        percents: How many percent signs multiply it by 100.
        scaled: Whether it is shown in thousands.
    """

    condition: str
    before: str
    after: str
    within: str
    percents: int
    scaled: bool


def shown_text(value: float, number_format: str) -> str | None:
    """Return what a cell says to who reads it, where that is more than the number: ``35.0%``, ``140.0 ml``.

    A percent sign multiplies by 100 only if it stands alone: in quotes or behind a backslash it is text, and 0.85
    is shown as 0.85 %.

    Args:
        value: As stored, not negative.
        number_format: In Excel's notation.

    Returns:
        The number, not rounded, with the text around it; None where there is none.

    Raises:
        InputError: It is shown in thousands, or with other digits than its own.
    """
    section = _section(value, number_format)
    before, after = section.before.strip(), section.after.strip()
    if value == 0:
        before = before.strip("-–— ")  # how accountants show nothing
    if (
        section.scaled
        or section.within.strip(" \u00a0\u202f'’")
        or re.search(r"\d", before)
        or re.match(r"[\d.,'’]", after)
    ):
        raise InputError(
            f"the cell holds {value:g} and does not show it",
            expected="a number shown as it is, or as a percentage",
            found=f"the number format {excerpt(number_format)}",
            remedy="choose the format General, and see whether the number is right",
        )
    if not before and not after:
        return None
    return f"{before} {value * 100**section.percents!r} {after}".strip()


def _section(value: float, number_format: str) -> _Section:
    """The part of a format by which a number is shown."""
    sections = _sections(number_format)
    usual = {1: (), 2: (">=0",), 3: (">0", "<0")}[len(sections)]
    for section, condition in zip(sections, usual, strict=False):
        if _holds(section.condition or condition, value):
            return section
    return sections[-1]


def _holds(condition: str, value: float) -> bool:
    match = _CONDITION.fullmatch(condition)
    try:
        sign, limit = (match[1], float(match[2])) if match else ("", 0.0)
    except ValueError:
        return False
    return {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
        "=": value == limit,
        "<>": value != limit,
    }.get(sign, False)


@lru_cache(maxsize=1024)
def _sections(number_format: str) -> tuple[_Section, ...]:
    parts: list[list[re.Match[str]]] = [[]]
    for token in _TOKEN.finditer(number_format):
        if token["end"]:
            parts.append([])
        else:
            parts[-1].append(token)
    return tuple(_section_of(part) for part in parts[:3])


def _section_of(tokens: list[re.Match[str]]) -> _Section:
    condition, before, within, last, digits = "", "", "", "", ""
    percents = 0
    for token in tokens:
        if token["number"]:
            if digits:
                within, last = within + last, ""
            digits += token["number"]
        elif token["condition"]:
            condition = token["condition"]
        else:
            text = token["quoted"] or token["escaped"] or token["currency"] or token["plain"] or ""
            percents += token["plain"] == "%"
            if digits:
                last += text
            else:
                before += text
    return _Section(condition, before, last, within, percents, bool(_SCALED.search(digits)))
