"""NIfTI files (1 and 2): their headers, their voxels, and new ones on the grid of a given one."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import data_type_codes
from numpy.typing import NDArray

from medsize.data.bounds import check_bounds, most_unpacked, read_exactly, read_rest, skip
from medsize.data.decoded import Decoded, not_one_number, three_or_four
from medsize.data.nifti_place import nifti_place
from medsize.data.placement import Affine, Place, check_place

_KINDS: Final = {348: (nib.Nifti1Header, b"n+1"), 540: (nib.Nifti2Header, b"n+2")}
_CIFTI: Final = range(3000, 3100)
_GEOMETRY: Final = (
    *("dim", "pixdim", "xyzt_units", "sform_code", "qform_code", "srow_x", "srow_y", "srow_z"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
)
_SQUARE: Final = 1 - 1e-5
_MOST_OFFSET: Final = 1 << 28
_EXACT_BYTES: Final = 2  # integers that float32 holds exactly


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """The header of a NIfTI file.

    Attributes:
        raw: Its fields as they stand there, none of them corrected.
        shape: Voxels along X, Y, Z and T, if there are several time frames.
        place: Where they lie, in mm whatever unit the file has.
    """

    raw: nib.Nifti1Header
    shape: tuple[int, ...]
    place: Place


def read_nifti_header(path: Path) -> NiftiHeader:
    """Read the header alone.

    Raises:
        InputError: It does not say how large the voxels are, contradicts itself, or announces more than can be read.
        ImageFileError: The file is something else.
    """
    with _opened(path) as stream:
        return _header(stream, path)


def decode_nifti(path: Path) -> Decoded:
    """Read a file whole.

    Raises:
        InputError: As :func:`read_nifti_header`, or its voxels are colours or complex numbers.
        EOFError: It is truncated.
        ImageFileError: It is something else.
    """
    with _opened(path) as stream:
        header = _header(stream, path)
        stored = _stored(stream, header)
        if _is_compressed(path):
            read_rest(stream, path)
    place = header.place
    values = _rescaled(stored, *header.raw.get_slope_inter())
    return Decoded(values, place.affine, place.spacing_mm, place.spacing_from, place.others)


def nifti_on_grid(array: NDArray[Any], like: NiftiHeader) -> bytes:
    """Return a file of values on exactly the grid of another: its shape, both forms, their codes, spacing and units.

    Nothing else of the other's header is taken over: descriptions, names and extensions may hold the patient's data.

    Args:
        array: uint8 or float32, as many values as the other has.
        like: The header of the other.
    """
    header = type(like.raw)()
    for field in _GEOMETRY:
        header[field] = like.raw[field]
    return _file(header, array)


def nifti_at(array: NDArray[Any], affine: Affine) -> bytes:
    """Return a NIfTI-1 file of values that lie at an affine, RAS mm."""
    header = nib.Nifti1Header()
    header.set_data_shape(array.shape)
    header.set_xyzt_units("mm")
    header.set_zooms([*voxel_sizes(affine), *[1.0] * (array.ndim - 3)])
    header.set_sform(affine, code="scanner")
    axes = affine[:3, :3] / voxel_sizes(affine)
    if abs(np.linalg.det(axes)) > _SQUARE:  # a qform has no sheared axes, and would contradict the sform
        header.set_qform(affine, code="scanner")
    return _file(header, array)


def _file(header: nib.Nifti1Header, array: NDArray[Any]) -> bytes:
    header.set_data_dtype(array.dtype)
    header["vox_offset"] = header.single_vox_offset
    header["scl_slope"], header["scl_inter"] = 1, 0
    no_extensions = bytes(4)
    return b"".join((header.binaryblock, no_extensions, array.tobytes("F")))


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    if _is_compressed(path):
        with gzip.open(path) as unpacked:
            yield unpacked
    else:
        with path.open("rb") as stream:
            yield stream


def _is_compressed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _header(stream: BufferedIOBase, path: Path) -> NiftiHeader:
    raw = _fields(stream)
    count = int(raw["dim"][0])
    if not 1 <= count <= 7:
        raise ImageFileError(f"dim[0], the number of dimensions, is {count}")
    shape = three_or_four([int(size) for size in raw["dim"][1 : count + 1]], path)
    if int(raw["datatype"]) not in data_type_codes.value_set():
        raise ImageFileError(f"datatype {int(raw['datatype'])} is not known")
    stored = raw.get_data_dtype()
    if stored.itemsize == 0 or stored.fields or stored.kind == "c":
        raise not_one_number(path, str(stored))
    size = path.stat().st_size
    room = most_unpacked(size) if _is_compressed(path) else size
    check_bounds(shape, stored.itemsize, path, max(room - _offset(raw), 0))
    place = nifti_place(raw, path)
    check_place(place, shape, path)
    return NiftiHeader(raw, shape, place)


def _fields(stream: BufferedIOBase) -> nib.Nifti1Header:
    """Read the fields as they are; nibabel's own way of opening a file turns a spacing of 0 into 1."""
    start = stream.read(4)
    sizes = {np.array(size, f"{order}i4").tobytes(): (size, order) for size in _KINDS for order in "<>"}
    if start not in sizes:
        raise ImageFileError(f"the content is not NIfTI: it begins with {start!r}, not with the number 348 or 540")
    size, order = sizes[start]
    content = start + stream.read(size - len(start))
    if len(content) < size:
        raise EOFError
    kind, magic = _KINDS[size]
    header = kind(content, endianness=order, check=False)
    if content[344:347] != magic and content[4:7] != magic:
        raise ImageFileError("the content is not NIfTI in one file: no n+1 or n+2 in the header's magic")
    if int(header["intent_code"]) in _CIFTI:
        raise ImageFileError("the content is CIFTI, not NIfTI")
    return header


def _offset(raw: nib.Nifti1Header) -> int:
    """Return where the voxels begin."""
    given, least = float(raw["vox_offset"]), int(raw.single_vox_offset)
    if given == 0:
        return least
    if not least <= given <= _MOST_OFFSET:
        raise ImageFileError(f"vox_offset, where the voxels begin, is {given:g}")
    return int(given)


def _stored(stream: BufferedIOBase, header: NiftiHeader) -> NDArray[Any]:
    """Read the voxels that the header announces; the stream stands behind the header."""
    dtype = header.raw.get_data_dtype()
    skip(stream, _offset(header.raw) - len(header.raw.binaryblock))
    content = bytearray(prod(header.shape) * dtype.itemsize)
    read_exactly(stream, memoryview(content))
    return np.frombuffer(content, dtype).reshape(header.shape, order="F")


def _rescaled(stored: NDArray[Any], slope: float | None, intercept: float | None) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is refused where values are used
        if slope is None or intercept is None:
            return np.asarray(stored, np.float32, order="F")
        values = np.empty(stored.shape, np.float32, order="F")
        if stored.dtype.kind in "iu" and stored.dtype.itemsize <= _EXACT_BYTES:
            np.multiply(stored, np.float32(slope), out=values)
            values += np.float32(intercept)
        else:  # plane by plane in float64, for memory's sake
            for last in range(stored.shape[-1]):
                values[..., last] = stored[..., last].astype(np.float64) * slope + intercept
        return values
