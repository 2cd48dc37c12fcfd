"""Volumes and label volumes, read with every check."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medsize.data.decoded import Decoded
from medsize.data.formats import decode
from medsize.data.photos import is_photo, read_photo, read_photo_label
from medsize.errors import InputError

_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume on its own grid.

    Attributes:
        array: (X, Y, Z), float32 intensities or uint8 labels, as the file stores the axes.
        affine: 4 × 4, from voxel indices to RAS mm, as the file gives it.
        spacing_mm: Distance of voxel centres along X, Y and Z. Of NIfTI it is the header's, which in ACDC is right
            where the affine is not.
        path: Where it was read from.
        colours: Of a photo, (X, Y, 3) uint8: red, green and blue. Its X is down and its Y to the right, it has one
            plane, ``array`` is its mean colour, and a pixel, whose size nobody knows, counts as 1 mm.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    path: Path
    colours: NDArray[np.uint8] | None = None

    @property
    def metric_affine(self) -> NDArray[np.float64]:
        """The affine with its axes as long as the spacing."""
        factors = np.divide(self.spacing_mm, voxel_sizes(self.affine))
        return np.asarray(self.affine * [*factors, 1.0])

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL; NaN of a photo."""
        if self.colours is not None:
            return float("nan")
        return float(abs(np.linalg.det(self.metric_affine[:3, :3]))) / 1000


def read_volume(path: Path) -> Volume:
    """Read a 3-D image: NIfTI, NRRD, MetaImage, the folder of a DICOM series; or a photo.

    Returns:
        The volume, its intensities float32 as stored (rescaled by the file's slope and intercept).

    Raises:
        InputError: The file is missing, empty, damaged or not readable; it is not 3-D; its affine is singular;
            or its intensities are not finite or all the same.
    """
    return _photo(path) if is_photo(path) else _image(decode(path), path)


def read_frames(path: Path) -> list[Volume]:
    """Read a 4-D image as one volume a time frame; a 3-D image has one frame.

    Raises:
        InputError: As ``read_volume``, and the message names the frame.
    """
    return [_photo(path)] if is_photo(path) else frames_of(decode(path), path)


def _photo(path: Path) -> Volume:
    colours = read_photo(path)
    return Volume(colours.mean(2, dtype=np.float32)[:, :, None], np.eye(4), (1.0, 1.0, 1.0), path, colours)


def _photo_label(path: Path, like: Volume | None, allowed: Collection[int]) -> Volume:
    shape = None if like is None else (like.array.shape[0], like.array.shape[1])
    return Volume(read_photo_label(path, shape, allowed)[:, :, None], np.eye(4), (1.0, 1.0, 1.0), path)


def frames_of(decoded: Decoded, path: Path) -> list[Volume]:
    """Return what was read as one volume a time frame.

    Args:
        decoded: A 3-D or 4-D image.
        path: What to call it in messages.

    Raises:
        InputError: As ``read_frames``.
    """
    if decoded.array.ndim != 4:
        return [_image(decoded, path)]
    frames = [_volume(decoded.array[..., frame], decoded, path) for frame in range(decoded.array.shape[3])]
    for number, frame in enumerate(frames):
        _check_intensities(frame.array, f"{path}, time frame {number} (counted from 0)")
    return frames


def read_label(path: Path, like: Volume | None, allowed: Collection[int]) -> Volume:
    """Read a label volume.

    Args:
        path: The label file.
        like: The image that the label must lie on, voxel by voxel.
        allowed: The values that may occur besides 0, each in 1 … 255; masks of photos may hold 255, void, too.

    Returns:
        The volume, uint8.

    Raises:
        InputError: As ``read_volume``; the grid is not that of ``like``; or a value is not a whole number or is
            not allowed.
    """
    if is_photo(path):
        return _photo_label(path, like, allowed)
    decoded = decode(path)
    label = _volume(_only_frame(decoded, path), decoded, path)
    if like is not None:
        _check_same_grid(label, like)
    values = _values(label.array)
    permitted = sorted({0, *allowed})
    wrong = values[~np.isin(values, permitted)]
    if wrong.size:
        shown = ", ".join(f"{value:g}" for value in wrong[:8])
        raise InputError(
            f"{path} has label values that mean nothing here",
            expected=f"only {', '.join(map(str, permitted))}",
            found=f"{shown}{', …' if wrong.size > 8 else ''}",
            remedy="name every structure and its value in the data source's labels, or correct the file",
        )
    return Volume(label.array.astype(np.uint8), label.affine, label.spacing_mm, path)


def _values(array: NDArray[np.float32]) -> NDArray[Any]:
    """Return the values that occur, without sorting the voxels of a proper label volume."""
    with np.errstate(invalid="ignore"):  # NaN has no whole number, and so is found to differ from it
        whole = array.astype(np.uint8)
    if (whole == array).all():
        return np.flatnonzero(np.bincount(whole.ravel(order="K")))
    return np.unique(array)


def _image(decoded: Decoded, path: Path) -> Volume:
    volume = _volume(_only_frame(decoded, path), decoded, path)
    _check_intensities(volume.array, str(path))
    return volume


def _only_frame(decoded: Decoded, path: Path) -> NDArray[np.float32]:
    array = decoded.array
    if array.ndim > 3 and set(array.shape[3:]) == {1}:
        return array.reshape(array.shape[:3])
    if array.ndim != 3:
        raise InputError(
            f"{path} is not one volume",
            expected="three dimensions (X, Y, Z)",
            found=f"{array.ndim} dimensions, shape {array.shape}",
            remedy="put the planes of a case into one file"
            if array.ndim < 3
            else "write one file a time frame to train on them; 'medsize predict' takes 4-D files as they are",
        )
    return array


def _volume(array: NDArray[np.float32], decoded: Decoded, path: Path) -> Volume:
    return Volume(array, decoded.affine, decoded.spacing_mm, path)


def _check_intensities(array: NDArray[np.float32], where: str) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        raise InputError(
            f"{where} has voxels that are not numbers",
            found=f"{np.count_nonzero(~finite)} of {array.size} voxels are NaN or infinite",
            remedy="replace them, or leave the case out",
        )
    if array.min() == array.max():
        raise InputError(
            f"{where} shows nothing",
            found=f"all {array.size} voxels are {array.flat[0]:g}",
            remedy="export the image again, or leave the case out",
        )


def _check_same_grid(label: Volume, image: Volume) -> None:
    if label.array.shape != image.array.shape:
        raise InputError(
            f"{label.path} does not fit its image",
            expected=f"shape {image.array.shape}, as {image.path}",
            found=f"shape {label.array.shape}",
            remedy="resample the label onto the image's grid, or pair it with the right image",
        )
    tolerance_mm = _TOLERANCE * min(image.spacing_mm)
    pairs = ((label.affine, image.affine), (label.metric_affine, image.metric_affine))
    if not any(np.allclose(found, expected, rtol=0, atol=tolerance_mm) for found, expected in pairs):
        raise InputError(
            f"{label.path} does not lie where its image lies",
            expected=f"the affine of {image.path} (within {tolerance_mm:.2g} mm)",
            found=f"spacing {_mm(label.spacing_mm)} and origin {_mm(label.affine[:3, 3])}, the image has "
            f"{_mm(image.spacing_mm)} and {_mm(image.affine[:3, 3])}; "
            f"entries differ by up to {np.abs(label.affine - image.affine).max():.3g}",
            remedy="resample the label onto the image's grid, or copy the image's header if it is only mislabelled",
        )


def _mm(values: Collection[float]) -> str:
    return f"({', '.join(f'{float(value):.4g}' for value in values)}) mm"
