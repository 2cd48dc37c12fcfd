"""Decoding image files: NIfTI by nibabel, NRRD and MetaImage by SimpleITK, and DICOM folders."""
# nibabel and SimpleITK are typed in part only:
# mypy: allow-untyped-calls

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from medsize.data.decoded import Decoded, check_affine, explained, from_itk, not_one_number
from medsize.data.dicom_series import decode_series, find_series, is_dicom
from medsize.errors import InputError

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")


@dataclass(frozen=True, slots=True)
class Grid:
    """How large an image is.

    Attributes:
        shape: Voxels along X, Y and Z.
        spacing_mm: Distance of voxel centres along X, Y and Z.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]


def is_nifti(path: Path) -> bool:
    """Tell by its name whether a file is NIfTI."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def load_nifti(path: Path) -> nib.Nifti1Image:
    """Open a NIfTI file (1 or 2) without reading its voxels.

    Raises:
        ImageFileError: The file is something else.
    """
    image = nib.load(path, mmap=False)
    if not isinstance(image, nib.Nifti1Image):
        raise ImageFileError(f"the content is {type(image).__name__.removesuffix('Image')}, not NIfTI")
    return image


def decode(path: Path) -> Decoded:
    """Read an image file, or a folder that holds one DICOM series.

    Raises:
        InputError: There is no such file, its format is not known, or it is empty, damaged or not readable.
    """
    reader = _reader(path)
    with explained(path):
        decoded = reader(path)
    check_affine(decoded.affine, path)
    return decoded


def read_grid(path: Path) -> Grid:
    """Read how large an image is, of NIfTI without its voxels.

    Raises:
        InputError: As :func:`decode`.
    """
    reader = _reader(path)
    with explained(path):
        if reader is _decode_nifti:
            image = load_nifti(path)
            return Grid(_three(image.shape), _nifti_spacing(image))
        decoded = reader(path)
    return Grid(_three(decoded.array.shape), decoded.spacing_mm)


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = (*shape, 1, 1)[:3]
    return x, y, z


def _reader(path: Path) -> Callable[[Path], Decoded]:
    if path.is_dir():
        return _decode_dicom
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    itk = path.name.lower().endswith(ITK_SUFFIXES)
    if not is_nifti(path) and not itk:
        raise InputError(
            f"{path} has a format that is not known",
            expected=f"{', '.join(NIFTI_SUFFIXES + ITK_SUFFIXES)}, or a folder with a DICOM series",
            remedy="convert it to NIfTI; of single DICOM files, name their folder",
        )
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty", found="0 bytes", remedy="copy the file again")
    return _decode_itk if itk else _decode_nifti


def _decode_nifti(path: Path) -> Decoded:
    image = load_nifti(path)
    if image.get_data_dtype().fields or image.get_data_dtype().kind == "c":
        raise not_one_number(path, str(image.get_data_dtype()))
    return Decoded(_nifti_values(image, path), np.asarray(image.affine), _nifti_spacing(image))


def _nifti_values(image: nib.Nifti1Image, path: Path) -> NDArray[np.float32]:
    if not path.name.lower().endswith(".gz"):
        return np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))
    with gzip.open(path) as stream:
        values = type(image).from_stream(stream).get_fdata(dtype=np.float32, caching="unchanged")
        stream.read()  # to the end, where the checksum is; nibabel stops before it
    return np.asarray(values)


def _nifti_spacing(image: nib.Nifti1Image) -> tuple[float, float, float]:
    """Return the spacing that the header gives (pixdim), as ITK does, and not the length of the sform's axes.

    They differ in ACDC, whose sform is that of 1 mm voxels. A pixdim of 1 everywhere is what careless writers leave
    there, so then the affine decides.
    """
    pixdim = [float(length) for length in image.header.get_zooms()[:3]]
    x, y, z = voxel_sizes(image.affine) if set(pixdim) == {1.0} or len(pixdim) < 3 else pixdim
    return float(x), float(y), float(z)


def _decode_itk(path: Path) -> Decoded:
    return from_itk(SimpleITK.ReadImage(str(path)), path)


def _decode_dicom(folder: Path) -> Decoded:
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    series, _ = find_series(path for path in files if is_dicom(path))
    if len(series) != 1:
        raise InputError(
            f"{folder} does not hold one volume",
            expected="the files of exactly one DICOM series",
            found=f"{len(series)} series in {len(files)} files",
            remedy="make one folder a series" if series else "name the image file itself, or the DICOM folder",
        )
    return decode_series(series[0], folder)
