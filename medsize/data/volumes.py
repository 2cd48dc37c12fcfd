"""Volumes and label volumes, read with every check."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medsize.data.decoded import Decoded, explained, not_one_volume, three_or_four
from medsize.data.formats import decode
from medsize.data.photos import is_photo, read_photo, read_photo_label
from medsize.data.placement import Affine, check_place, in_one_line, millimetres, places_meet, scaled_to
from medsize.errors import InputError

_WHOLE: Final = 1e-3
"""How far from a whole number a label may be; programs that rescale or interpolate store 0.9999999 for 1."""


class MisplacedError(InputError):
    """A label lies elsewhere than its image, or a prediction elsewhere than its reference."""


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
        others: Affines that other programs take from the same header, such as that of the qform beside the sform.
    """

    array: NDArray[Any]
    affine: Affine
    spacing_mm: tuple[float, float, float]
    path: Path
    colours: NDArray[np.uint8] | None = None
    others: tuple[Affine, ...] = ()

    @property
    def metric_affine(self) -> Affine:
        """The affine with its axes as long as the spacing."""
        return scaled_to(self.affine, self.spacing_mm)

    @property
    def places(self) -> list[Affine]:
        """Every affine that the header admits, as it is and with its axes as long as the spacing."""
        stated = [self.affine, *self.others]
        return stated + [scaled_to(affine, self.spacing_mm) for affine in stated]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL; NaN of a photo."""
        if self.colours is not None:
            return float("nan")
        return float(abs(np.linalg.det(self.metric_affine[:3, :3]))) / 1000


def lie_alike(first: Volume, second: Volume) -> bool:
    """Tell whether two images lie on each other, voxel by voxel.

    They have one shape, and a place that the header of the first admits is one that the header of the second admits:
    programs choose differently between sform and qform, and take different places where a header gives none.
    """
    return first.array.shape[:3] == second.array.shape[:3] and places_meet(
        first.places, second.places, first.array.shape
    )


def read_volume(path: Path) -> Volume:
    """Read a 3-D image: NIfTI, NRRD, MetaImage, the folder of a DICOM series; or a photo.

    Returns:
        The volume, its intensities float32 as stored (rescaled by the file's slope and intercept).

    Raises:
        InputError: The file is missing, empty, damaged or not readable; it is not 3-D; its affine is singular;
            or its intensities are not finite or all the same.
    """
    if is_photo(path):
        return _photo(path)
    with explained(path):
        return _image(decode(path), path)


def read_frames(path: Path) -> list[Volume]:
    """Read a 4-D image as one volume a time frame; a 3-D image has one frame.

    Raises:
        InputError: As ``read_volume``, and the message names the frame.
    """
    if is_photo(path):
        return [_photo(path)]
    with explained(path):
        return frames_of(decode(path), path)


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
    check_place(decoded.place, three_or_four(decoded.array.shape, path), path)
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
        The volume, uint8; where there is an image, at its place and with its spacing.

    Raises:
        MisplacedError: It does not lie where ``like`` lies, or is a volume of another shape.
        InputError: As ``read_volume``; it is a mask of another size than ``like``; or a value is not a whole number
            (within 0.001) or is not allowed.
    """
    if is_photo(path):
        return _photo_label(path, like, allowed)
    with explained(path):
        decoded = decode(path)
        label = _volume(_only_frame(decoded, path), decoded, path)
        if like is not None:
            _check_same_grid(label, like)
        return replace(like or label, array=_classes(label.array, allowed, path), path=path, colours=None)


def _classes(array: NDArray[np.float32], allowed: Collection[int], path: Path) -> NDArray[np.uint8]:
    with np.errstate(invalid="ignore"):  # what is no uint8 is found to differ from it
        classes = np.rint(array).astype(np.uint8)
    permitted = sorted({0, *allowed})
    is_wrong = ~(np.abs(classes - array) <= _WHOLE)
    wrong = {_shown(value): None for value in np.unique(array[is_wrong])} if is_wrong.any() else {}
    occurring = np.flatnonzero(np.bincount(classes[~is_wrong] if wrong else classes.ravel(order="K"), minlength=256))
    wrong |= {str(value): None for value in occurring if value not in permitted}
    if wrong:
        raise InputError(
            f"{path} has label values that mean nothing here",
            expected=f"only {', '.join(map(str, permitted))}",
            found=f"{', '.join(sorted(wrong, key=float)[:8])}{', …' if len(wrong) > 8 else ''}",
            remedy="name every structure and its value in the data source's labels, or correct the file",
        )
    return classes


def _shown(value: np.float32) -> str:
    """Return a value with as many digits as tell it from others: 2.9985 is not 3."""
    return str(value).removesuffix(".0")


def _image(decoded: Decoded, path: Path) -> Volume:
    volume = _volume(_only_frame(decoded, path), decoded, path)
    _check_intensities(volume.array, str(path))
    return volume


def _only_frame(decoded: Decoded, path: Path) -> NDArray[np.float32]:
    array = decoded.array
    shape = three_or_four(array.shape, path)
    if len(shape) == 4:
        raise not_one_volume(path, shape)
    return array.reshape(shape, order="F")


def _volume(array: NDArray[np.float32], decoded: Decoded, path: Path) -> Volume:
    return Volume(array, decoded.affine, decoded.spacing_mm, path, others=decoded.others)


def _check_intensities(array: NDArray[np.float32], where: str) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        raise InputError(
            f"{where} has voxels that are not finite as float32",
            expected="numbers of a size up to 1e38",
            found=f"{np.count_nonzero(~finite)} of {array.size} voxels are NaN or infinite",
            remedy="replace them, or leave the case out",
        )
    low, high = float(array.min()), float(array.max())
    if low == high:
        raise InputError(
            f"{where} shows nothing",
            found=f"all {array.size} voxels are {low:g}",
            remedy="export the image again, or leave the case out",
        )
    if high - low > float(np.finfo(np.float32).max):  # compared in float32, the range itself would overflow
        raise InputError(
            f"{where} has intensities whose range is not finite as float32",
            found=f"from {low:g} to {high:g}",
            remedy="rescale them, or leave the case out",
        )


def _check_same_grid(label: Volume, image: Volume) -> None:
    if label.array.shape != image.array.shape:
        raise MisplacedError(
            f"{label.path} does not fit its image",
            expected=f"shape {image.array.shape}, as {image.path}",
            found=f"shape {label.array.shape}",
            remedy="resample the label onto the image's grid, or pair it with the right image",
        )
    if not lie_alike(label, image):
        raise MisplacedError(
            f"{label.path} does not lie where its image lies",
            expected=f"the affine of {image.path}, {in_one_line(image.affine)} with voxels of "
            f"{millimetres(image.spacing_mm)}",
            found=f"the affine {in_one_line(label.affine)} with voxels of {millimetres(label.spacing_mm)}; "
            f"entries differ by up to {np.abs(label.affine - image.affine).max():.3g}",
            remedy="resample the label onto the image's grid, or copy the image's header if it is only mislabelled",
        )
