"""Scribbles as lines: XML files of named polylines, drawn onto the slice grid (ScribbleSup).

D. Lin et al., "ScribbleSup: scribble-supervised convolutional networks for semantic segmentation", CVPR 2016.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from medsize.data.geometry import SliceGrid
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError
from medsize.names import same_name
from medsize.text import excerpt, read_bytes

_EXPECTED = "<polygon><tag>name</tag><point><X>12</X><Y>34</Y></point>…</polygon> for every line"
_MOST_BYTES = 16 * 2**20
_LARGEST_IMAGE = 1e6  # pixels a side


@dataclass(frozen=True, slots=True)
class Line:
    """One stroke.

    Attributes:
        name: What it is drawn on.
        points: (row, column) of each point, in pixels of the image.
    """

    name: str
    points: tuple[tuple[float, float], ...]


def read_lines(path: Path) -> list[Line]:
    """Read the strokes of an image.

    Args:
        path: An XML file whose ``polygon`` elements hold a ``tag`` and ``point`` elements of ``X`` (to the right) and
            ``Y`` (down).

    Raises:
        InputError: It is missing or damaged, or holds none.
    """
    try:
        root = ElementTree.fromstring(read_bytes(path, _EXPECTED, most_bytes=_MOST_BYTES))
        lines = [
            Line(
                _text(polygon, "tag"),
                tuple((_pixel(point, "Y"), _pixel(point, "X")) for point in polygon.iter("point")),
            )
            for polygon in root.iter("polygon")
        ]
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path} cannot be read", expected=_EXPECTED, found=str(error)) from error
    if not any(line.points for line in lines):
        raise InputError(f"{path} holds no line", expected=_EXPECTED)
    return lines


def draw_lines(
    lines: Sequence[Line], grid: SliceGrid, class_of: Mapping[str, int], width_px: int, path: Path
) -> NDArray[np.uint8]:
    """Draw strokes as seeds, later ones over earlier ones.

    They are drawn on the slice grid itself, so that no stroke gets lost in a small slice.

    Args:
        lines: The strokes.
        grid: How the slice lies on the image.
        class_of: Class of every name, ``background`` among them.
        width_px: Width of a line, in pixels of the slice.
        path: What to call the file in messages.

    Returns:
        (H, W) classes, 255 where nothing is drawn.

    Raises:
        InputError: A name is not known.
    """
    canvas = Image.new("L", (grid.size, grid.size), UNLABELLED)
    pen = ImageDraw.Draw(canvas)
    for line in lines:
        name = same_name(line.name, class_of)
        if name is None:
            raise InputError(
                f"{path} has a line on something unknown",
                expected=", ".join(class_of),
                found=excerpt(line.name),
                remedy="correct the name in the file",
            )
        points = [tuple(reversed(_on_slice(point, grid))) for point in line.points]
        pen.line(points, fill=class_of[name], width=width_px)
        for column, row in points:  # ends and joints, and strokes of a single point
            pen.point((column, row), fill=class_of[name])
    return np.asarray(canvas)


def _on_slice(point: tuple[float, float], grid: SliceGrid) -> tuple[int, ...]:
    return tuple(round((at - o) / s) for at, o, s in zip(point, grid.offset, grid.scale, strict=True))


def _pixel(point: ElementTree.Element, name: str) -> float:
    at = float(_text(point, name))
    if not abs(at) < _LARGEST_IMAGE:
        raise ValueError(f"{name} is {at:g}, which is in no image")
    return at


def _text(element: ElementTree.Element, name: str) -> str:
    text = element.findtext(name)
    if text is None or not text.strip():
        raise ValueError(f"no {name} in a {element.tag}")
    return text.strip()
