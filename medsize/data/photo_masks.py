"""What the pixels of a mask's file mean: class values, or black and white; never a guess between two readings."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsize.errors import InputError

_LEAST_SHARE: Final = 1e-3  # of the pixels: what is rarer changes no size that anybody could tell
_DARK, _BRIGHT, _MIDDLE = 5, 250, 127  # compression moves black and white so far
_FEW: Final = 8  # levels: soft edges have more, classes seldom
_GREY: Final = 8  # difference of red, green and blue that compression makes
_SIXTEEN_BITS: Final = ("I;16", "I;16B", "I;16L", "I")

Values = NDArray[np.integer]


def raw_mode(image: Image.Image) -> str:
    """Return how a PNG that was just opened stores its pixels, e.g. ``L;4``, or nothing of a JPEG."""
    tiles = getattr(image, "tile", None)
    return "" if image.format != "PNG" else str(tiles[0][3]) if tiles else image.mode


def class_values(image: Image.Image, raw: str, path: Path) -> Values:
    """Return the class values of a mask, (H, W): its numbers, of a palette the indices.

    Args:
        image: The mask, upright.
        raw: Its :func:`raw_mode`.
        path: Its file, for messages.

    Raises:
        InputError: It is in colours or transparency, or a JPEG, which changes values.
    """
    if not raw:
        raise InputError(
            f"{path} is no mask of class values",
            expected="a PNG, which keeps every number",
            found="a JPEG, which changes numbers",
            remedy="export the mask as PNG",
        )
    if image.mode in ("P", "1", *_SIXTEEN_BITS):
        return np.array(image).astype(np.int64)
    if image.mode == "L":
        spread = {"L;2": 85, "L;4": 17}.get(raw, 1)  # Pillow spreads 2 and 4 bits of grey over 8
        levels: Values = np.array(image) // np.uint8(spread)
        return levels
    colours, alpha = np.array(image.convert("RGB")), _alpha(image)
    if alpha is not None or np.ptp(colours, axis=2).any() or "16" in raw:
        raise InputError(
            f"{path} is no mask",
            expected="one number a pixel: a PNG of 8 bits, grey or with a palette",
            found=f"an image of mode {image.mode}"
            + (" whose transparency varies" if alpha is not None else f" with the colours {_shares(colours)}"),
            remedy="export class values, not colours",
        )
    return np.asarray(colours[..., 0])


def white_pixels(image: Image.Image, raw: str, path: Path) -> NDArray[np.bool_]:
    """Return where a mask of black and white is white, (H, W); arguments as of :func:`class_values`.

    White is what is brighter than the middle, so soft edges and compression do no harm. Refused is whatever can be
    read in two ways: numbers 0 and 1, a third number such as that of void, colours, and a mask in the transparency.

    Raises:
        InputError: It can be read in two ways.
    """
    levels = _levels(image, raw, path)
    white: NDArray[np.bool_] = levels > _MIDDLE
    alpha = _alpha(image)
    if alpha is not None and np.mean((alpha > _MIDDLE) != white) > _LEAST_SHARE:
        raise _unclear(
            path,
            f"transparency {_shares(alpha)}, beside brightness {_shares(levels)}",
            "export the mask itself as black and white, without transparency",
        )
    shares = np.bincount(levels.ravel(), minlength=256) / levels.size
    found = np.flatnonzero(shares)
    strange = [value for value in found.tolist() if _is_strange(value, found)]
    few = len(found) <= _FEW and shares[strange].sum() > _LEAST_SHARE
    if few or (found.any() and not white.any()):
        raise _unclear(path, f"the values {_shares(levels)}", _name_it(levels))
    return white


def _is_strange(value: int, found: Values) -> bool:
    """Tell a number between black and white; near black it is noise of compression if the same is near white."""
    noisy = bool(np.any((found >= _BRIGHT) & (found < 255)))
    return (_DARK if noisy else 0) < value < _BRIGHT


def _levels(image: Image.Image, raw: str, path: Path) -> Values:
    """Return brightness from 0 to 255."""
    if image.mode == "L":
        return np.array(image)
    if image.mode == "1":
        return np.array(image).astype(np.uint8) * np.uint8(255)
    if image.mode in _SIXTEEN_BITS:
        return _of_sixteen_bits(np.array(image).astype(np.int64), path)
    if image.mode == "P":
        return _of_palette(image, path)
    colours = np.array(image.convert("RGB"))
    if np.ptp(colours, axis=2).max(initial=0) > _GREY or "16" in raw:
        raise _unclear(path, f"the colours {_shares(colours)}", "export one number a pixel: 0, and 255 for the object")
    return np.asarray(colours.max(axis=2))


def _of_sixteen_bits(values: Values, path: Path) -> Values:
    if values.max(initial=0) > 255:
        return np.round(values / 257).clip(0, 255).astype(np.uint8)
    if not np.isin(values, (0, 255)).all():  # of 16 bits all is black, of 8 bits it is not
        raise _unclear(path, f"16 bits and the values {_shares(values)}", _name_it(values))
    return values


def _of_palette(image: Image.Image, path: Path) -> Values:
    """Return the brightness that a palette of greys shows; of colours the numbers, if they are 0 and 255."""
    numbers = np.array(image)
    palette = np.zeros((256, 3), np.int64)
    known = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    palette[: len(known)] = known
    used = np.unique(numbers)
    grey, plain = not np.ptp(palette[used], axis=1).any(), bool(np.isin(used, (0, 255)).all())
    shown: Values = palette[:, 0][numbers]
    if plain and (not grey or np.array_equal(shown > _MIDDLE, numbers > _MIDDLE)):
        return numbers
    if grey and not plain:
        return shown
    told = ", ".join(f"{number} in {tuple(palette[number].tolist())}" for number in used[:4].tolist())
    raise _unclear(path, f"a palette with the numbers {told}{', …' if len(used) > 4 else ''}", _name_it(numbers))


def _alpha(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return opacity from 0 to 255, or None if it is the same everywhere."""
    if image.mode in _SIXTEEN_BITS or not image.has_transparency_data:
        return None
    alpha = np.array(image.convert("RGBA"))[..., 3]
    return None if alpha.min(initial=255) == alpha.max(initial=0) else alpha


def _name_it(values: Values) -> str:
    above = values[values > 0]
    number = above.min() if above.size else 1
    return (
        f"if {number} is the object, say so: --set 'data.source.labels={{object: {number}}}' (255 is void then); or "
        "export the object as 255"
    )


def _unclear(path: Path, found: str, remedy: str) -> InputError:
    return InputError(
        f"{path} is no mask of black and white",
        expected="0 for the background and 255 for the object, as data.source.labels has 255 alone",
        found=found,
        remedy=remedy,
    )


def _shares(values: NDArray[np.integer]) -> str:
    """Return the most frequent values or colours with their shares."""
    pixels = values.reshape(-1, values.shape[2] if values.ndim == 3 else 1)
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:4]
    told = [
        f"{tuple(found[one].tolist()) if values.ndim == 3 else found[one][0]} ({counts[one] / len(pixels):.1%})"
        for one in order
    ]
    return ", ".join(told) + (", …" if len(found) > 4 else "")
