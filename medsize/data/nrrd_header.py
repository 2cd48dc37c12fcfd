"""What an NRRD header says of its axes, which ITK reads in part: it knows no units and takes 1 for what is not said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.data.units import unit_in_mm
from medsize.errors import InputError
from medsize.text import printable

GEOMETRY: Final = (
    *("dimension", "space", "space dimension", "sizes", "spacings", "axis mins", "axis maxs", "centers", "kinds"),
    *("units", "space units", "space origin", "space directions"),
)
"""Fields that say where voxels lie, and nothing of the patient."""

_OTHERS: Final = (
    *("type", "encoding", "endian", "data file", "content", "number", "block size", "thicknesses", "labels", "min"),
    *("max", "old min", "old max", "line skip", "byte skip", "sample units", "measurement frame"),
)
_KNOWN: Final = {field.replace(" ", ""): field for field in (*GEOMETRY, *_OTHERS)}
_OF_ANY_LENGTH: Final = ("content", "labels", "units", "space units")
_LONGEST: Final = 500
_SYNONYMS: Final = {"centerings": "centers"}
_VECTOR: Final = re.compile(r"none|\([^)]*\)")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SPATIAL: Final = ("space", "domain", "???", "none")
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class NrrdHeader:
    """The header of an NRRD file.

    Attributes:
        fields: By their names in lower case, as text.
        unit_mm: What a unit of the space along each of its axes is, (3,); multiplies the rows of the affine.
        spacing_from: What says how large the voxels are, for messages.
        spacing: Length of the first three axes, in the file's units, (3,).
    """

    fields: Mapping[str, str]
    unit_mm: NDArray[np.float64]
    spacing_from: str
    spacing: NDArray[np.float64]


def read_nrrd_header(path: Path) -> NrrdHeader:
    """Read and understand a header, attached or detached.

    Raises:
        InputError: It does not say how large the voxels are, or in a unit that is not known, or its first three axes
            are not those of space.
    """
    fields = _fields(path)
    kinds = fields.get("kinds", "").split()[:3]
    if wrong := [kind for kind in kinds if kind.lower() not in _SPATIAL]:
        raise InputError(
            f"the first three axes of {path} are not those of space",
            expected="kinds that begin with three of space or domain",
            found=f"kinds: {printable(fields['kinds'])} ({', '.join(map(printable, wrong))})",
            remedy="write the file again with X, Y and Z first",
        )
    field = "space directions" if "space directions" in fields else "spacings"
    text = fields.get(field, "")
    lengths = _directions(text) if field == "space directions" else _numbers(text.split())
    if len(lengths) < 3 or not (np.isfinite(lengths[:3]) & (lengths[:3] != 0)).all():
        raise InputError(
            f"{path} does not say how large its voxels are",
            expected="a length of each axis in 'spacings' or 'space directions'",
            found=f"{field}: {printable(text)}" if text else "neither of them in the header",
            remedy="write the file again with its spacing",
        )
    units_field = "space units" if field == "space directions" else "units"
    units = [*_QUOTED.findall(fields.get(units_field, "")), "", "", ""][:3]
    unit_mm = np.array([unit_in_mm(unit, f"'{units_field}'", path) for unit in units])
    said = f"{units_field}: {printable(fields[units_field])}" if units_field in fields else f"no '{units_field}'"
    return NrrdHeader(fields, unit_mm, f"{field}: {printable(text)}; {said}", np.abs(lengths[:3]))


def _fields(path: Path) -> dict[str, str]:
    """Return the fields up to the first empty line; comments, and the keys and values of other programs, are left.

    ITK's reader of NRRD ends the program over a long line that it does not understand, so it never sees one.

    Raises:
        InputError: A line is no field of NRRD, or none that is this long.
    """
    with path.open("rb") as stream:
        content = stream.read(_MOST_BYTES)
    fields: dict[str, str] = {}
    lines = content.split(b"\n")
    if not lines[0].startswith(b"NRRD"):
        raise _damaged(path, 1, lines[0])
    for number, line in enumerate(lines[1:], start=2):
        text = line.decode("utf-8", "replace").rstrip("\r")
        if not text:
            break
        if text.startswith("#") or ":=" in text.partition(": ")[0]:
            continue
        name, separator, value = text.partition(": ")
        name = _SYNONYMS.get(name.lower(), name.lower())
        field = _KNOWN.get(name.replace(" ", ""))
        if not separator or field is None or (len(value) > _LONGEST and field not in _OF_ANY_LENGTH):
            raise _damaged(path, number, line)
        fields[field] = value.strip()
        if field == "data file" and value.startswith("LIST"):
            break  # names of files follow
    return fields


def _damaged(path: Path, number: int, line: bytes) -> InputError:
    return InputError(
        f"{path} cannot be read",
        expected="a header of NRRD: lines of 'field: value' up to an empty one",
        found=f"line {number}: {printable(line[:60].decode('utf-8', 'replace'))!r}{' …' if len(line) > 60 else ''}",
        remedy="copy or convert the file again",
    )


def _directions(text: str) -> NDArray[np.float64]:
    """Return the length of each axis; NaN of one that has none."""
    vectors = [_numbers(found.strip("()").split(",")) for found in _VECTOR.findall(text)]
    return np.array([float(np.linalg.norm(vector)) if vector.size else np.nan for vector in vectors])


def _numbers(words: list[str]) -> NDArray[np.float64]:
    try:
        return np.array([float(word) for word in words])
    except ValueError:
        return np.array([np.nan])
