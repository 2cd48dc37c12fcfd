"""What every image file comes to once it is read, and what every reader says when it cannot be."""
# nibabel and SimpleITK are typed in part only:
# mypy: allow-untyped-calls

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from medsize.errors import InputError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
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


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what readers raise over a file into an ``InputError`` that names it.

    Raises:
        InputError: The file may not be read, or is damaged.
    """
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


def from_itk(image: SimpleITK.Image, path: Path) -> Decoded:
    """Return the values and the place of an image of SimpleITK.

    Raises:
        InputError: Its voxels are colours, vectors or complex numbers.
    """
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise not_one_number(path, image.GetPixelIDTypeAsString())
    affine = itk_affine(image)
    x, y, z = voxel_sizes(affine)
    array = SimpleITK.GetArrayFromImage(image).T.astype(np.float32, order="F")
    return Decoded(array, affine, (float(x), float(y), float(z)))


def itk_affine(image: SimpleITK.Image | SimpleITK.ImageFileReader) -> NDArray[np.float64]:
    """Return the 4 × 4 map from voxel indices to RAS mm of what SimpleITK read; the axis of time has no part in it."""
    size = min(image.GetDimension(), 3)
    direction = np.reshape(image.GetDirection(), (image.GetDimension(),) * 2)[:size, :size]
    affine = np.eye(4)
    affine[:size, :size] = direction * image.GetSpacing()[:size]
    affine[:size, 3] = image.GetOrigin()[:size]
    return np.asarray(LPS_TO_RAS @ affine)


def check_affine(affine: NDArray[np.float64], path: Path) -> None:
    """Refuse an image that does not say where its voxels are.

    Raises:
        InputError: The affine is singular or not finite.
    """
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(
            f"{path} does not say where its voxels are",
            expected="an affine (sform or qform) with three independent axes",
            found=f"{np.array2string(affine[:3], precision=4, separator=', ')}".replace("\n", ""),
            remedy="write the file again with its spacing and orientation",
        )


def not_one_number(path: Path, found: str) -> InputError:
    """Return the error of an image of colours or complex numbers."""
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
