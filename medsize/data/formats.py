"""Decoding image files: NIfTI by nibabel, the rest by SimpleITK."""
# nibabel and SimpleITK are typed in part only:
# mypy: allow-untyped-calls

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from medsize.errors import InputError

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_DAMAGE = (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The content of an image file.

    Attributes:
        array: float32 values, axes in the order X, Y, Z, T as far as there are any.
        affine: 4 × 4, from voxel indices to RAS mm, as the file gives it.
        spacing_mm: Distance of voxel centres along X, Y and Z.
    """

    array: NDArray[np.float32]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]


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
    with _explained(path):
        decoded = reader(path)
    _check_affine(decoded.affine, path)
    return decoded


def read_grid(path: Path) -> Grid:
    """Read how large an image is, of NIfTI without its voxels.

    Raises:
        InputError: As :func:`decode`.
    """
    reader = _reader(path)
    with _explained(path):
        if reader is _decode_nifti:
            image = load_nifti(path)
            return Grid(_three(image.shape), _nifti_spacing(image))
        decoded = reader(path)
    return Grid(_three(decoded.array.shape), decoded.spacing_mm)


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = (*shape, 1, 1)[:3]
    return x, y, z


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise InputError(
            f"{path} may not be read", found=str(error.strerror), remedy="change the file's permissions"
        ) from error
    except _DAMAGE as error:
        raise InputError(
            f"{path} cannot be read",
            expected="a whole image file of the format that its name says",
            found=_explain(error),
            remedy="copy or convert the file again",
        ) from error


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
        raise _not_one_number(path, str(image.get_data_dtype()))
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
    return _from_itk(SimpleITK.ReadImage(str(path)), path)


def _decode_dicom(folder: Path) -> Decoded:
    series = SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        raise InputError(
            f"{folder} does not hold one volume",
            expected="the files of exactly one DICOM series",
            found=f"{len(series)} series in {sum(1 for _ in folder.iterdir())} files",
            remedy="make one folder a series" if series else "name the image file itself, or the DICOM folder",
        )
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0]))
    reader.MetaDataDictionaryArrayUpdateOn()
    image = reader.Execute()
    _check_even_planes(reader, image, folder)
    return _from_itk(image, folder)


def _check_even_planes(reader: SimpleITK.ImageSeriesReader, image: SimpleITK.Image, folder: Path) -> None:
    tag = "0020|0032"  # Image Position (Patient)
    planes = range(image.GetSize()[2])
    if not all(reader.HasMetaDataKey(plane, tag) for plane in planes):
        return
    positions = np.array([reader.GetMetaData(plane, tag).split("\\") for plane in planes], np.float64)
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    if steps.size and np.ptp(steps) > 0.05 * steps.max():
        raise InputError(
            f"the planes of the DICOM series in {folder} are not evenly spaced",
            expected="one plane a file, all the same distance apart",
            found=f"distances from {steps.min():.3g} to {steps.max():.3g} mm",
            remedy="look for missing files, or for several time frames or orientations in one series",
        )


def _from_itk(image: SimpleITK.Image, path: Path) -> Decoded:
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise _not_one_number(path, image.GetPixelIDTypeAsString())
    size = min(image.GetDimension(), 3)
    direction = np.reshape(image.GetDirection(), (image.GetDimension(),) * 2)[:size, :size]
    affine = np.eye(4)
    affine[:size, :size] = direction * image.GetSpacing()[:size]
    affine[:size, 3] = image.GetOrigin()[:size]
    x, y, z = voxel_sizes(affine)
    array = SimpleITK.GetArrayFromImage(image).T.astype(np.float32, order="F")
    return Decoded(array, _LPS_TO_RAS @ affine, (float(x), float(y), float(z)))


def _check_affine(affine: NDArray[np.float64], path: Path) -> None:
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(
            f"{path} does not say where its voxels are",
            expected="an affine (sform or qform) with three independent axes",
            found=f"{np.array2string(affine[:3], precision=4, separator=', ')}".replace("\n", ""),
            remedy="write the file again with its spacing and orientation",
        )


def _not_one_number(path: Path, found: str) -> InputError:
    return InputError(
        f"{path} is not a grey image",
        expected="one real number a voxel",
        found=found,
        remedy="convert colours or complex numbers to one value first",
    )


def _explain(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the compressed data ends too early: the file is truncated"
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
