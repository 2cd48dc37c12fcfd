"""Images made on the grid of another: NIfTI, NRRD and MetaImage that lie voxel for voxel on their source."""
# nibabel and SimpleITK are typed in part only:
# mypy: allow-untyped-calls

import gzip
from pathlib import Path
from typing import Any, Final

import numpy as np
import SimpleITK
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medsize.data.decoded import LPS_TO_RAS, explained, itk_name
from medsize.data.formats import ITK_SUFFIXES, NIFTI_SUFFIXES, decode, is_nifti
from medsize.data.itk_files import is_nrrd, read_itk_header
from medsize.data.nifti import nifti_at, nifti_on_grid, read_nifti_header
from medsize.data.nrrd_header import GEOMETRY, read_nrrd_header
from medsize.data.photos import write_photo_label
from medsize.data.placement import Affine, Place
from medsize.data.volumes import Volume
from medsize.errors import InputError
from medsize.files import atomic_path

_COMPRESSION: Final = 1  # labels compress well at any level, and writing must not outlast the network
_SQUARE: Final = 1e-4


def write_on_grid(path: Path, array: NDArray[Any], *, like: Path | Volume) -> None:
    """Write values on exactly the grid of the image they belong to, whole or not at all.

    Args:
        path: File to write; its suffix chooses the format: ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha``; of photos
            ``.png``, whose 255 is a value of 1 where values are fractions.
        array: (X, Y, Z) or (X, Y, Z, T), uint8 or float32; the shape of the image.
        like: The image. Of a NIfTI file that becomes NIfTI the shape, sform, qform and their codes, spacing and units
            are kept as they are; so are the geometry and the units of NRRD that becomes NRRD. From one format to the
            other, and of MetaImage, the result has mm, and lies where the image lies (for ACDC's contradictory headers
            see ``Volume.metric_affine``). No other field of the image's header is taken over: it may hold the
            patient's data. A ``Volume`` stands for an image that no single file holds.

    Raises:
        InputError: The place cannot be written to, the format is not one of these, or the image has sheared axes and
            the format cannot say so.
    """
    if path.suffix.lower() == ".png":
        plane = array[:, :, 0]
        are_classes = plane.dtype == np.uint8
        shown = plane if are_classes else (255 * plane).round().astype(np.uint8)
        write_photo_label(path, shown, are_classes=are_classes)
        return
    if is_nifti(path):
        content = _nifti(array, like)
        with atomic_path(path) as partial:
            partial.write_bytes(_gzipped(content) if path.name.lower().endswith(".gz") else content)
    elif path.name.lower().endswith(".nrrd") and isinstance(like, Path) and is_nrrd(like):
        content = _nrrd(array, like)
        with atomic_path(path) as partial:
            partial.write_bytes(content)
    elif path.name.lower().endswith((".nrrd", ".mha")):
        itk = _itk(array, like)
        with atomic_path(path) as partial:
            SimpleITK.WriteImage(itk, itk_name(partial), useCompression=True, compressionLevel=_COMPRESSION)
    else:
        raise InputError(
            f"cannot write values to {path}", expected=f"a name ending in {', '.join(NIFTI_SUFFIXES)}, .nrrd or .mha"
        )


def write_label(path: Path, array: NDArray[Any], *, like: Path | Volume) -> None:
    """Write labels, of values 0 … 255, as uint8; see ``write_on_grid``."""
    write_on_grid(path, array.astype(np.uint8), like=like)


def check_axes(affine: Affine, path: Path) -> None:
    """Refuse an image whose axes are not at right angles: of these formats only NIfTI can say where its voxels are.

    Args:
        affine: Of the image.
        path: The image.

    Raises:
        InputError: They are not.
    """
    axes = affine[:3, :3] / voxel_sizes(affine)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SQUARE:
        raise InputError(
            f"the axes of {path} are not at right angles",
            expected="axes that every reader of NRRD, MetaImage and DICOM understands",
            found=f"{np.array2string(affine[:3, :3], precision=4, separator=', ')}".replace("\n", ""),
            remedy="choose --format nifti",
        )


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, _COMPRESSION, mtime=0)


def _nifti(array: NDArray[Any], like: Path | Volume) -> bytes:
    if isinstance(like, Path) and is_nifti(like):
        with explained(like):
            header = read_nifti_header(like)
        return nifti_on_grid(_of_shape(array, header.shape), header)
    place, shape = _place(like, array)
    return nifti_at(_of_shape(array, shape), place.affine)


def _nrrd(array: NDArray[Any], like: Path) -> bytes:
    """Return an NRRD file with the very lines of another that say where its voxels lie, and none of its others."""
    with explained(like):
        shape, fields = read_itk_header(like).shape, read_nrrd_header(like).fields
    kept = [f"{field}: {fields[field]}" for field in GEOMETRY if field in fields]
    kind = {"uint8": "uchar", "float32": "float"}[array.dtype.name]
    lines = ["NRRD0005", f"type: {kind}", *kept, "endian: little", "encoding: gzip", "", ""]
    values = _of_shape(array, shape).astype(array.dtype.newbyteorder("<"), copy=False)
    return "\n".join(lines).encode() + _gzipped(values.tobytes("F"))


def _itk(array: NDArray[Any], like: Path | Volume) -> SimpleITK.Image:
    if isinstance(like, Path) and like.name.lower().endswith(ITK_SUFFIXES):
        with explained(like):
            header = read_itk_header(like)
        if header.is_in_mm:
            return _as_read(_of_shape(array, header.shape), header.reader)
    place, shape = _place(like, array)
    check_axes(place.affine, like.path if isinstance(like, Volume) else like)
    image = SimpleITK.GetImageFromArray(_of_shape(array, shape).T, isVector=False)
    affine = LPS_TO_RAS @ place.affine
    direction = np.eye(len(shape))
    direction[:3, :3] = affine[:3, :3] / voxel_sizes(affine)
    image.SetSpacing([*place.spacing_mm, 1.0][: len(shape)])
    image.SetOrigin([*affine[:3, 3].tolist(), 0.0][: len(shape)])
    image.SetDirection(direction.ravel().tolist())
    return image


def _as_read(array: NDArray[Any], reader: SimpleITK.ImageFileReader) -> SimpleITK.Image:
    """Return an image with the very numbers that SimpleITK read, those of time among them."""
    image = SimpleITK.GetImageFromArray(array.reshape(reader.GetSize()).T, isVector=False)
    image.SetSpacing(reader.GetSpacing())
    image.SetOrigin(reader.GetOrigin())
    image.SetDirection(reader.GetDirection())
    return image


def _place(like: Path | Volume, array: NDArray[Any]) -> tuple[Place, tuple[int, ...]]:
    """Return where an image lies and its shape; a ``Volume`` may stand for as many time frames as there are."""
    if isinstance(like, Volume):
        return Place(like.affine, like.spacing_mm), (*like.array.shape, *array.shape[3:])
    if like.is_dir():
        decoded = decode(like)
        return decoded.place, decoded.array.shape
    with explained(like):
        header = read_nifti_header(like) if is_nifti(like) else read_itk_header(like)
        return header.place, header.shape


def _of_shape(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.shape not in (shape, (*shape, 1)):
        raise ValueError(f"expected values of shape {shape}, got {array.shape}")
    return array.reshape(shape)
