"""Image files of every format that is read, one call each: NIfTI, NRRD, MetaImage, and DICOM folders."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medsize.data.decoded import Decoded, explained
from medsize.data.dicom_series import decode_series, series_of
from medsize.data.itk_files import METAIMAGE_SUFFIXES, NRRD_SUFFIXES, decode_itk_file, read_itk_header
from medsize.data.nifti import decode_nifti, read_nifti_header
from medsize.errors import InputError

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = NRRD_SUFFIXES + METAIMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class Grid:
    """How large an image is.

    Attributes:
        shape: Voxels along X, Y and Z.
        spacing_mm: Distance of voxel centres along X, Y and Z.
        frames: Volumes of this size in the file, one a time frame.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    frames: int = 1


def is_nifti(path: Path) -> bool:
    """Tell by its name whether a file is NIfTI."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def decode(path: Path) -> Decoded:
    """Read an image file, or a folder that holds one DICOM series.

    Raises:
        InputError: There is no such file; its format is not known; it is empty, damaged or not readable; or it does
            not say how large its voxels are, in a way that can be believed.
    """
    reader = _reader(path)
    with explained(path):
        return reader(path)


def read_grid(path: Path) -> Grid:
    """Read how large an image is; of files without their voxels.

    Raises:
        InputError: As :func:`decode`.
    """
    reader = _reader(path)
    with explained(path):
        if reader is _decode_dicom:
            decoded = reader(path)
            return _grid(decoded.array.shape, decoded.spacing_mm)
        header = read_nifti_header(path) if reader is decode_nifti else read_itk_header(path)
        return _grid(header.shape, header.place.spacing_mm)


def _grid(shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Grid:
    x, y, z, frames = (*shape, 1)[:4]
    return Grid((x, y, z), spacing_mm, frames)


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
    return decode_itk_file if itk else decode_nifti


def _decode_dicom(folder: Path) -> Decoded:
    return decode_series(series_of(folder), folder)
