"""NRRD and MetaImage files: their headers as they stand there, their voxels by SimpleITK."""
# SimpleITK is typed in part only:
# mypy: allow-untyped-calls

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK
from nibabel.affines import voxel_sizes

from medsize.data.bounds import check_bounds
from medsize.data.decoded import Decoded, itk_affine, itk_name, itk_values, not_one_number, three_or_four
from medsize.data.metaimage_header import MetaImageHeader, read_metaimage_header
from medsize.data.nrrd_header import NrrdHeader, read_nrrd_header
from medsize.data.placement import Place, check_place
from medsize.errors import InputError

NRRD_SUFFIXES: Final = (".nrrd", ".nhdr")
METAIMAGE_SUFFIXES: Final = (".mha", ".mhd")
_SAME: Final = 1e-3


@dataclass(frozen=True, slots=True)
class ItkHeader:
    """The header of a file that SimpleITK reads.

    Attributes:
        reader: SimpleITK's view of it, in the file's own units.
        shape: Voxels along X, Y, Z and T, if there are several time frames.
        place: Where they lie, in mm whatever unit the file has.
        is_in_mm: Whether SimpleITK's numbers are those too: of a file in mm whose spacing is not negative.
    """

    reader: SimpleITK.ImageFileReader
    shape: tuple[int, ...]
    place: Place
    is_in_mm: bool


def is_nrrd(path: Path) -> bool:
    """Tell by its name whether a file is NRRD."""
    return path.name.lower().endswith(NRRD_SUFFIXES)


def read_itk_header(path: Path) -> ItkHeader:
    """Read the header alone.

    Raises:
        InputError: It does not say how large the voxels are, or announces more than can be read.
        RuntimeError: SimpleITK cannot read it.
    """
    said = read_nrrd_header(path) if is_nrrd(path) else read_metaimage_header(path)
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(itk_name(path))
    reader.ReadImageInformation()
    pixel = SimpleITK.GetPixelIDValueAsString(reader.GetPixelID())
    if reader.GetNumberOfComponents() != 1 or "complex" in pixel:
        raise not_one_number(path, pixel)
    shape = three_or_four(reader.GetSize(), path)
    check_bounds(shape, _bytes(pixel), path, None)
    place = _place(reader, said, path)
    check_place(place, shape, path)
    is_in_mm = np.equal(said.unit_mm, 1).all() and np.greater(reader.GetSpacing(), 0).all()
    return ItkHeader(reader, shape, place, bool(is_in_mm))


def decode_itk_file(path: Path) -> Decoded:
    """Read a file whole.

    Raises:
        InputError: As :func:`read_itk_header`, or its voxels are colours, vectors or complex numbers.
        RuntimeError: SimpleITK cannot read it.
    """
    header = read_itk_header(path)
    place = header.place
    values = itk_values(header.reader.Execute()).reshape(header.shape, order="F")
    return Decoded(values, place.affine, place.spacing_mm, place.spacing_from, place.others)


def _place(reader: SimpleITK.ImageFileReader, said: NrrdHeader | MetaImageHeader, path: Path) -> Place:
    affine = itk_affine(reader)
    lengths = voxel_sizes(affine)
    if not np.allclose(lengths, said.spacing, rtol=_SAME, atol=0):
        raise InputError(
            f"{path} says twice how large its voxels are, and not the same",
            expected="axes of length 1 in TransformMatrix, or every field once",
            found=f"{said.spacing_from}; the axes come to {', '.join(f'{length:.6g}' for length in lengths)}",
            remedy="write the file again with its spacing and orientation",
        )
    affine = np.diag([*np.broadcast_to(said.unit_mm, 3), 1.0]) @ affine
    x, y, z = map(float, voxel_sizes(affine))
    return Place(affine, (x, y, z), said.spacing_from)


def _bytes(pixel: str) -> int:
    """Return the bytes of a voxel by SimpleITK's name of its type, such as ``16-bit signed integer``."""
    bits = pixel.partition("-bit")[0]
    return max(int(bits) // 8, 1) if bits.isdecimal() else 8
