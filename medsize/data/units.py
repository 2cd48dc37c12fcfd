"""Units of length, as headers spell them."""

from pathlib import Path
from typing import Final

from medsize.errors import InputError
from medsize.text import printable

_MM: Final[dict[str, float]] = {
    "": 1.0,
    "?": 1.0,
    "???": 1.0,
    "unknown": 1.0,
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("dm", "decimeter", "decimeters", "decimetre", "decimetres"), 100.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers"), 0.001),
    **dict.fromkeys(("micrometre", "micrometres"), 0.001),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-6),
    **dict.fromkeys(("in", "inch", "inches"), 25.4),
}
"""Millimetres in each; a unit that is not said is taken as mm, as every program does, if the voxels can be that."""


def unit_in_mm(name: str, field: str, path: Path) -> float:
    """Return how many millimetres a unit is.

    Args:
        name: As the file spells it.
        field: Of the header.
        path: The file.

    Raises:
        InputError: It is no known unit of length.
    """
    factor = _MM.get(name.strip()) or _MM.get(name.strip().lower())
    if factor is None:
        raise InputError(
            f"{path} gives its lengths in a unit that is not known",
            expected="mm, cm, m, um or nothing",
            found=f"'{printable(name.strip())}' in the header's {field}",
            remedy="write the file again in mm",
        )
    return factor
