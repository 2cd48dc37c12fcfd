"""What every image file comes to once it is read, and what every reader says when it cannot be."""
# SimpleITK is typed in part only:
# mypy: allow-untyped-calls

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from medsize.data.placement import Affine, Place
from medsize.errors import InputError
from medsize.text import printable

LPS_TO_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Decoded:
    """The content of an image file.

    Attributes:
        array: float32 values, axes in the order X, Y, Z, T as far as there are any.
        affine: 4 × 4, from voxel indices to RAS mm, as the file gives it.
        spacing_mm: Distance of voxel centres along X, Y and Z.
        spacing_from: What in the file says so, for messages.
        others: Affines that other programs take from the same header, and that are as good.
    """

    array: NDArray[np.float32]
    affine: Affine
    spacing_mm: tuple[float, float, float]
    spacing_from: str = "the spacing of its header"
    others: tuple[Affine, ...] = ()

    @property
    def place(self) -> Place:
        """Where the voxels lie."""
        return Place(self.affine, self.spacing_mm, self.spacing_from, self.others)


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
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path} needs more memory than there is",
            found=printable(str(error)) or "no memory left",
            remedy="check its header, cut it to the part that matters, or use a machine with more memory",
        ) from error
    except Exception as error:  # whatever a decoder meets, it is this file's fault, and others can be read
        raise InputError(
            f"{path} cannot be read",
            expected="a whole image file of the format that its name says",
            found=_explain(error),
            remedy="copy or convert the file again",
        ) from error


def itk_values(image: SimpleITK.Image) -> NDArray[np.float32]:
    """Return the values of an image of SimpleITK, axes in the order X, Y, Z, T as far as there are any."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused where values are used
        return np.asarray(SimpleITK.GetArrayViewFromImage(image).T.astype(np.float32, order="F"))


def itk_name(path: Path) -> str:
    """Return a path for SimpleITK, which ends the whole process over a name that is not in the system's encoding.

    Raises:
        InputError: It is not.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path} has a name that this format's library cannot open",
            expected="a name in UTF-8",
            found="bytes of another encoding, such as Latin-1",
            remedy="rename it",
        ) from error
    return str(path)


def itk_affine(image: SimpleITK.Image | SimpleITK.ImageFileReader) -> NDArray[np.float64]:
    """Return the 4 × 4 map from voxel indices to RAS mm of what SimpleITK read; the axis of time has no part in it."""
    size = min(image.GetDimension(), 3)
    direction = np.reshape(image.GetDirection(), (image.GetDimension(),) * 2)[:size, :size]
    affine = np.eye(4)
    affine[:size, :size] = direction * image.GetSpacing()[:size]
    affine[:size, 3] = image.GetOrigin()[:size]
    return np.asarray(LPS_TO_RAS @ affine)


def three_or_four(shape: Sequence[int], path: Path) -> tuple[int, ...]:
    """Return the axes that there are: X, Y, Z, and T if there are several time frames.

    Raises:
        InputError: There are fewer, or more that are longer than one.
    """
    axes = list(shape)
    while len(axes) > 3 and axes[-1] == 1:
        axes.pop()
    if len(axes) not in (3, 4):
        raise not_one_volume(path, shape)
    return tuple(axes)


def not_one_volume(path: Path, shape: Sequence[int]) -> InputError:
    """Return the error of an image with too few or too many axes."""
    return InputError(
        f"{path} is not one volume",
        expected="three dimensions (X, Y, Z)",
        found=f"{len(shape)} dimensions, shape {tuple(shape)}",
        remedy="put the planes of a case into one file"
        if len(shape) < 3
        else "write one file a time frame to train on them; 'medsize predict' takes 4-D files as they are",
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
        return "the data ends too early: the file is truncated"
    lines = str(error).strip().splitlines()
    return printable(lines[-1].strip())[:_LONGEST] if lines else type(error).__name__
