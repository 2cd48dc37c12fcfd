"""One colour a structure: in pictures, and in files that viewers read beside the labels."""

import colorsys
from collections.abc import Mapping
from typing import Final

Colour = tuple[int, int, int]

_FIRST: Final[tuple[Colour, ...]] = (
    (255, 176, 0),
    (64, 176, 255),
    (255, 94, 160),
    (80, 220, 140),
    (190, 140, 255),
    (255, 255, 100),
    (255, 120, 60),
    (120, 240, 240),
)
"""Told apart on grey, also by most who are colour-blind."""


def colours(values: Mapping[str, int]) -> dict[int, Colour]:
    """Return a colour for each value, red, green and blue from 0 to 255, by the order of the structures."""
    return {value: _colour(number) for number, value in enumerate(values.values())}


def itk_snap_labels(values: Mapping[str, int]) -> str:
    """Return a label description file of ITK-SNAP (Segmentation > Import Label Descriptions)."""
    lines = [
        "################################################",
        "# ITK-SnAP Label Description File",
        "# File format:",
        "# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL",
        "################################################",
        _itk_snap_line(0, (0, 0, 0), 0, "Clear Label"),
    ]
    chosen = colours(values)
    lines += [_itk_snap_line(value, chosen[value], 1, name) for name, value in _by_value(values)]
    return "\n".join(lines) + "\n"


def slicer_colours(values: Mapping[str, int]) -> str:
    """Return a colour table of 3D Slicer (``.ctbl``); spaces in names become underscores, as the format asks."""
    chosen = colours(values)
    lines = ["# Color table file: value, name, red, green, blue, opacity", "0 Background 0 0 0 0"]
    for name, value in _by_value(values):
        red, green, blue = chosen[value]
        lines.append(f"{value} {'_'.join(name.split())} {red} {green} {blue} 255")
    return "\n".join(lines) + "\n"


def _colour(number: int) -> Colour:
    if number < len(_FIRST):
        return _FIRST[number]
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618 % 1, 0.65, 1)  # the golden ratio keeps neighbours apart
    return round(255 * red), round(255 * green), round(255 * blue)


def _itk_snap_line(value: int, colour: Colour, shown: int, name: str) -> str:
    red, green, blue = colour
    quoted = name.replace('"', "'")
    return f'{value:5d} {red:5d} {green:4d} {blue:4d} {shown:8d} {shown:2d} {shown:2d}    "{quoted}"'


def _by_value(values: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(values.items(), key=lambda item: item[1])
