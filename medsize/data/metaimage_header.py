"""What the header of a MetaImage says of its voxels' size, which ITK reads in part: it takes 1 for what is not said."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.data.units import unit_in_mm
from medsize.errors import InputError
from medsize.text import printable

_LINE: Final = re.compile(r"\s*(\w+)\s*[=:]\s*(.*)")
_LAST: Final = "ElementDataFile"
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class MetaImageHeader:
    """The size of voxels as a header gives it.

    Attributes:
        spacing: Along the first three axes, in the file's unit, (3,).
        unit_mm: What the unit is.
        spacing_from: What says so, for messages.
    """

    spacing: NDArray[np.float64]
    unit_mm: float
    spacing_from: str


def read_metaimage_header(path: Path) -> MetaImageHeader:
    """Read how large the voxels are.

    Raises:
        InputError: It is not said, or in a unit that is not known.
    """
    fields = _fields(path)
    field = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    text = fields.get(field, "")
    try:
        spacing = np.array([float(word) for word in text.split()[:3]])
    except ValueError:
        spacing = np.array([np.nan])
    if len(spacing) < 3 or not (np.isfinite(spacing) & (spacing != 0)).all():
        raise InputError(
            f"{path} does not say how large its voxels are",
            expected="a length of each axis in ElementSpacing or ElementSize",
            found=f"{field} = {printable(text)}" if text else "neither of them in the header",
            remedy="write the file again with its spacing",
        )
    unit = fields.get("DistanceUnits", "")
    said = f"{field} = {printable(text)}; {f'DistanceUnits = {printable(unit)}' if unit else 'no DistanceUnits'}"
    return MetaImageHeader(np.abs(spacing), unit_in_mm(unit, "DistanceUnits", path), said)


def _fields(path: Path) -> dict[str, str]:
    with path.open("rb") as stream:
        content = stream.read(_MOST_BYTES)
    fields: dict[str, str] = {}
    for line in content.split(b"\n"):
        if found := _LINE.match(line.decode("utf-8", "replace").rstrip("\r")):
            fields[found[1]] = found[2].strip()
            if found[1] == _LAST:
                break
    return fields
