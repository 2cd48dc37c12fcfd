"""Photos and their masks: reading with every check, upright, and writing masks of the same size."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from medsize.data.formats import Grid
from medsize.data.photo_masks import class_values, raw_mode, white_pixels
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError
from medsize.files import atomic_path

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")

_DAMAGE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)  # EXIF orientations whose width and height change places
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L")


def is_photo(path: Path) -> bool:
    """Tell by its name whether a file is a photo or a photo's mask."""
    return path.suffix.lower() in PHOTO_SUFFIXES


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Read a photo, turned upright as its EXIF orientation says.

    Grey, palette, CMYK and 16-bit images become three colours of 8 bits; transparency is left out.

    Returns:
        (H, W, 3), red, green and blue.

    Raises:
        InputError: The file is missing, empty, damaged, truncated or of another format.
    """
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in (*_SIXTEEN_BITS, "I"):
            grey = np.asarray(upright).astype(np.float64) / 257
            upright = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
        if upright.mode == "F":
            raise InputError(f"{path} is no photo", expected="8 or 16 bits a colour", found="floating-point numbers")
        return np.array(upright.convert("RGB"))


def read_photo_grid(path: Path) -> Grid:
    """Read how large a photo is, upright, from the head of its file; a photo has one plane and no spacing.

    Raises:
        InputError: As :func:`read_photo`, as far as the head tells.
    """
    with _opened(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _LYING:
            width, height = height, width
    return Grid((height, width, 1), (float("nan"),) * 3)


def read_photo_label(path: Path, shape: tuple[int, int] | None, allowed: Collection[int]) -> NDArray[np.uint8]:
    """Read the mask of a photo, turned upright as its own EXIF orientation says.

    Args:
        path: A PNG whose pixels (or whose palette's indices) are class values, 255 void. If ``allowed`` is 255
            alone, masks are black and white: what is brighter than the middle is 255, the rest 0, and a mask that can
            be read in another way is refused (see :func:`~medsize.data.photo_masks.white_pixels`).
        shape: Height and width of the photo, upright, which the mask must have.
        allowed: The values that may occur besides 0 and void.

    Returns:
        (H, W).

    Raises:
        InputError: The file cannot be read, is in colours, is not of the photo's size, or holds other values.
    """
    with _opened(path) as opened:
        raw = raw_mode(opened)
        image = ImageOps.exif_transpose(opened)
    if shape is not None and image.size != shape[::-1]:
        raise InputError(
            f"{path} does not fit its photo",
            expected=f"{_size(shape)} pixels, as the photo has (upright, as its EXIF orientation says)",
            found=_size(image.size[::-1]),
            remedy="pair it with the right photo",
        )
    if set(allowed) == {UNLABELLED}:
        return np.where(white_pixels(image, raw, path), np.uint8(UNLABELLED), np.uint8(0))
    mask = class_values(image, raw, path)
    found = np.unique(mask)
    permitted = sorted({0, *allowed, UNLABELLED})
    wrong = found[~np.isin(found, permitted)]
    if wrong.size:
        raise InputError(
            f"{path} has values that mean nothing here",
            expected=f"only {', '.join(map(str, permitted[:-1]))}, and {UNLABELLED} for void",
            found=", ".join(map(str, wrong[:8])) + (", …" if wrong.size > 8 else ""),
            remedy="name every structure and its value in the data source's labels, or correct the file",
        )
    return mask.astype(np.uint8)


def write_photo_label(path: Path, mask: NDArray[np.uint8], *, are_classes: bool = True) -> None:
    """Write a mask as a PNG, whole or not at all: of classes with a palette, so that it shows them; binary in grey.

    Args:
        path: File to write, ``.png``.
        mask: (H, W) values.
        are_classes: Whether the values are classes; shares of 255, such as probabilities, stay grey.

    Raises:
        InputError: The place cannot be written to.
    """
    image = Image.fromarray(mask)
    if are_classes and not np.isin(mask, (0, UNLABELLED)).all():
        image.putpalette(_class_colours())
    with atomic_path(path) as partial:
        image.save(partial, format="PNG")


def _class_colours() -> list[int]:
    """Return the usual red, green and blue of class masks: every third bit of a value, the lowest first."""
    return [
        sum((value >> (3 * bit + colour) & 1) << (7 - bit) for bit in range(3))
        for value in range(256)
        for colour in range(3)
    ]


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]}"


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if not is_photo(path):
        raise InputError(
            f"{path} is no photo", expected=f"a file that ends in {', '.join(PHOTO_SUFFIXES)}", found=path.name
        )
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            yield image
    except PermissionError as error:
        raise InputError(
            f"{path} may not be read", found=str(error.strerror), remedy="change the file's permissions"
        ) from error
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(
            f"{path} cannot be read",
            expected="a whole JPEG or PNG file",
            found=str(error).strip() or type(error).__name__,
            remedy="copy or convert the file again",
        ) from error
