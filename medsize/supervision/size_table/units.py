"""Units as people write them."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from medsize.errors import InputError
from medsize.supervision.size_table.entry import UNITS, Unit
from medsize.text import excerpt

SPELLINGS: Final[Mapping[Unit, str]] = MappingProxyType(
    {
        "ml": "ml, cm3, cm^3, ccm, cc, milliliter, milliliters, millilitre, millilitres, cubic centimetre, "
        "cubic centimetres, cubic centimeter, cubic centimeters, cubic cm",
        "mm3": "mm3, mm^3, μl, ul, cubic millimetre, cubic millimetres, cubic millimeter, cubic millimeters, cubic mm",
        "mm2": "mm2, mm^2, qmm, sq mm, square mm, square millimetre, square millimetres, square millimeter, "
        "square millimeters",
        "cm2": "cm2, cm^2, qcm, sq cm, square cm, square centimetre, square centimetres, square centimeter, "
        "square centimeters",
        "percent": "percent, %, per cent, pct, prozent, pourcent, pour cent, por ciento, per cento, procent",
        "fraction": "fraction, fractions, share, proportion, anteil",
        "pixels": "pixels, pixel, px, pix",
        "voxels": "voxels, voxel, vox, vx",
    }
)
"""All spellings of each unit; upper and lower case, superscripts and full stops at the end do not matter."""

_BY_SPELLING: Final = {spelling: unit for unit, text in SPELLINGS.items() for spelling in text.split(", ")}
_GRID: Final = re.compile(r"(?:(?:grid )?cells? )?(?:of )?(\d) ?[x×*] ?(\d)(?: grid)?(?: cells?)?(?: grid)?")


@lru_cache(maxsize=1024)
def read_unit(text: str) -> Unit:
    """Return the unit that is meant.

    Args:
        text: As written, e.g. ``mL``, ``cm³``, ``%`` or ``cells 5×4``.

    Raises:
        InputError: It is no unit of sizes, or cells of an unknown grid.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".")
    if plain in _BY_SPELLING:
        return _BY_SPELLING[plain]
    grid = _GRID.fullmatch(plain)
    for unit in UNITS:
        if grid and unit == f"cells {grid[1]}x{grid[2]}":
            return unit
    if plain in ("cell", "cells", "grid", "grid cells"):
        raise InputError(
            "cells of which grid?", expected="'cells 5x4' (of 20 cells) or 'cells 3x3' (of 9)", found=excerpt(text)
        )
    raise InputError("unknown unit", expected=f"{', '.join(UNITS)} or cm3", found=excerpt(text))
