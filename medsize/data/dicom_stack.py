"""Planes as one volume: their order along its normal and in time, and the grid that their positions span.

The distance of planes is that of their positions along the normal of the image. How thick they are is another thing,
and says how far a plane reaches only where it is the only one.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medsize.data.decoded import LPS_TO_RAS
from medsize.data.dicom_planes import KIND_KEYS, PHASE_KEYS, Plane
from medsize.errors import InputError

SAME_ORIENTATION: Final = 1e-3
SAME_PLACE_MM: Final = 0.01
EVEN: Final = 0.01
"""By how much of their mean distance two neighbours may be nearer or farther."""

_SAME_SPACING: Final = 1e-4
_SIDEWAYS_PIXELS: Final = 0.2
_SIDEWAYS_SLOPE: Final = 2e-3
"""How far a plane may lie beside the normal through the first, for positions and directions are rounded."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Planes in order.

    Attributes:
        frames: The planes of each time frame, along the normal of the image.
        affine: 4 × 4, from voxel indices to RAS mm.
        spacing_mm: Distance of voxel centres along X, Y and Z.
        spacing_from: The attributes that say so.
    """

    frames: tuple[tuple[Plane, ...], ...]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    spacing_from: str


def arrange(planes: Sequence[Plane], shown: Path) -> Stack:
    """Put planes in order.

    Args:
        planes: All planes of a volume, in any order; at least one.
        shown: What to call it in messages.

    Raises:
        InputError: A plane cannot be used, they do not belong together, or they do not form an even stack that is
            whole in every time frame.
    """
    _refuse_flaws(planes, shown)
    _refuse_mixtures(planes, shown)
    row, column, normal = directions(planes[0])
    places = places_along(planes, normal)
    frames = tuple(zip(*_in_time(places, normal, shown), strict=True))
    step_mm = _distance(frames[0], normal, shown)
    _refuse_sideways(planes, frames[0][0], normal, shown)
    x, y = planes[0].spacing_mm or (0.0, 0.0)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([row * x, column * y, normal * step_mm])
    affine[:3, 3] = frames[0][0].position_mm
    along = "SliceThickness" if len(places) == 1 else "ImagePositionPatient"
    return Stack(frames, np.asarray(LPS_TO_RAS @ affine), (x, y, step_mm), f"PixelSpacing and {along}")


def directions(plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the directions of a plane's rows, columns and normal: exact unit vectors at right angles."""
    row, column = np.reshape(np.asarray(plane.orientation, np.float64), (2, 3))
    row = row / np.linalg.norm(row)
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return row, column, np.cross(row, column)


def places_along(planes: Sequence[Plane], normal: NDArray[np.float64]) -> list[list[Plane]]:
    """Return planes by their places along a direction, in its order; those of one place are images of one plane."""
    heights = np.array([plane.position_mm for plane in planes]) @ normal
    order = np.argsort(heights, kind="stable")
    ends = np.flatnonzero(np.diff(heights[order]) > SAME_PLACE_MM) + 1
    return [[planes[at] for at in part] for part in np.split(order, ends)]


def _refuse_flaws(planes: Sequence[Plane], shown: Path) -> None:
    flawed = [plane for plane in planes if plane.flaw]
    if flawed:
        several = f" (of {len(flawed)} planes that cannot be used)" if len(flawed) > 1 else ""
        raise InputError(
            f"{shown}: {flawed[0].label} {flawed[0].flaw}{several}",
            expected="grey images with PixelSpacing, ImagePositionPatient and ImageOrientationPatient",
            remedy="export them again as the scanner or the archive has them",
        )


def _refuse_mixtures(planes: Sequence[Plane], shown: Path) -> None:
    for at, (keyword, _) in enumerate(planes[0].belongs):
        _refuse_mixture(planes, keyword, [plane.belongs[at][1] for plane in planes], shown)
    _refuse_mixture(planes, "Rows and Columns", [f"{plane.shape[1]} × {plane.shape[0]}" for plane in planes], shown)
    spacings = np.array([plane.spacing_mm for plane in planes])
    like = _alike(spacings, _SAME_SPACING * spacings.min())
    _refuse_mixture(planes, "PixelSpacing", [f"{spacings[at, 1]:.4g} × {spacings[at, 0]:.4g} mm" for at in like], shown)
    like = _alike(np.array([plane.orientation for plane in planes]), SAME_ORIENTATION)
    shown_of = {at: "\\".join(f"{value:.4g}" for value in planes[at].orientation or ()) for at in set(like)}
    _refuse_mixture(planes, "ImageOrientationPatient", [shown_of[at] for at in like], shown)


def _alike(values: NDArray[np.float64], tolerance: float) -> list[int]:
    """Return of each row the first row that is the same."""
    firsts: list[int] = []
    like = []
    for at, value in enumerate(values):
        same = next((first for first in firsts if np.abs(values[first] - value).max() <= tolerance), None)
        if same is None:
            firsts.append(at)
        like.append(at if same is None else same)
    return like


def _refuse_mixture(planes: Sequence[Plane], keyword: str, values: Sequence[str], shown: Path) -> None:
    """Refuse planes that differ in an attribute which all planes of a volume share."""
    if len(set(values)) > 1:
        raise InputError(
            f"the planes of {shown} differ in {keyword}",
            expected="planes of one patient, study and frame of reference, of one size, spacing and orientation",
            found=_counted(planes, values, tell=not keyword.endswith(("ID", "UID"))),
            remedy="part the files by what they show, a folder each",
        )


def _counted(planes: Sequence[Plane], values: Sequence[Hashable], *, tell: bool = True) -> str:
    """Say how many planes have which value, and the first file of each."""
    groups: dict[Hashable, list[Plane]] = {}
    for plane, value in zip(planes, values, strict=True):
        groups.setdefault(value, []).append(plane)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    parts = [
        f"{f'{value} in ' if tell else ''}{len(found)} ({found[0].label}{', …' if len(found) > 1 else ''})"
        for value, found in ordered[:4]
    ]
    return ", ".join(parts) + (f" and {len(ordered) - 4} others" if len(ordered) > 4 else "")


def _distance(planes: Sequence[Plane], normal: NDArray[np.float64], shown: Path) -> float:
    """Return the distance of the planes of a time frame, which must be even; of one plane how thick it is."""
    if len(planes) == 1:
        if not planes[0].thickness_mm:
            raise InputError(
                f"{shown} does not say how thick its only plane is",
                expected="SliceThickness, or several planes with ImagePositionPatient",
                found=f"no SliceThickness in {planes[0].label}",
                remedy="export it again with this attribute, or the whole series",
            )
        return planes[0].thickness_mm
    heights = np.array([plane.position_mm for plane in planes]) @ normal
    steps = np.diff(heights)
    mean = float(heights[-1] - heights[0]) / len(steps)
    if np.abs(steps - mean).max() > EVEN * mean:
        widest = int(steps.argmax())
        between = f"{planes[widest].label} and {planes[widest + 1].label}"
        raise InputError(
            f"the planes of {shown} are not evenly spaced",
            expected="planes that are all the same distance apart (ImagePositionPatient along the normal, within 1 %)",
            found=f"distances from {steps.min():.3g} to {steps.max():.3g} mm, the widest between {between}",
            remedy="look for missing files, or for several stacks in one series",
        )
    return mean


def _refuse_sideways(planes: Sequence[Plane], first: Plane, normal: NDArray[np.float64], shown: Path) -> None:
    ways = np.array([plane.position_mm for plane in planes]) - np.array(first.position_mm)
    heights = ways @ normal
    aside = np.linalg.norm(ways - np.outer(heights, normal), axis=1)
    allowed = np.maximum(_SIDEWAYS_PIXELS * min(first.spacing_mm or (0.0,)), _SIDEWAYS_SLOPE * heights)
    worst = int((aside - allowed).argmax())
    if aside[worst] > allowed[worst]:
        raise InputError(
            f"the planes of {shown} are shifted sideways against each other",
            expected="planes straight above each other (ImagePositionPatient along the normal of the image)",
            found=f"{planes[worst].label} lies {aside[worst]:.3g} mm beside the first plane's normal",
            remedy="of a tilted gantry, resample it to right angles first; otherwise look for several stacks in one",
        )


def _in_time(places: list[list[Plane]], normal: NDArray[np.float64], shown: Path) -> list[list[Plane]]:
    """Return the planes of each place in the order of time."""
    planes = [plane for place in places for plane in place]
    counts = {len(place) for place in places}
    if len(counts) > 1:
        numbers = [len(place) for place in places for _ in place]
        heights = [float(np.array(place[0].position_mm) @ normal) for place in places]
        listed = ", ".join(f"{len(place)} at {height:.4g} mm" for place, height in zip(places, heights, strict=True))
        raise InputError(
            f"{shown} has not the same number of time frames in all planes",
            expected="each plane once, or as often as there are time frames",
            found=listed if len(places) <= 12 else f"images a plane: {_counted(planes, numbers)}",
            remedy="look for missing or doubled files, or for several series in one",
        )
    if counts == {1}:
        return places
    _refuse_kinds(places, shown)
    # of a single place, numbers of images do not say whether they are time frames or planes without their positions
    for number in range(len(PHASE_KEYS) - (len(places) == 1)):
        ordered = [sorted(place, key=lambda plane: plane.times[number] or 0.0) for place in places]
        times = [[plane.times[number] for plane in place] for place in ordered]
        if any(None in moments or len(set(moments)) < len(moments) for moments in times):
            continue  # it does not tell them apart
        if number == 0:
            _refuse_other_times(ordered, times, shown)
        return ordered
    raise InputError(
        f"{shown} has several images of each plane, and nothing tells which belong together",
        expected=f"time frames told apart by {', '.join(PHASE_KEYS)}",
        found=f"{len(planes)} images of {len(places)} planes",
        remedy="look for doubled files, or export each time frame as a series",
    )


def _refuse_other_times(places: list[list[Plane]], times: list[list[float | None]], shown: Path) -> None:
    """Refuse planes whose time frames, which are numbered through for all planes, are not the same."""
    odd = next((at for at, moments in enumerate(times) if moments != times[0]), None)
    if odd is not None:
        raise InputError(
            f"{shown} has not the same time frames in all planes",
            expected=f"the same {PHASE_KEYS[0]} in each plane",
            found=f"{_numbers(times[0])} in {places[0][0].label} and those at its place, "
            f"{_numbers(times[odd])} in {places[odd][0].label} and those at its",
            remedy="look for missing or doubled files",
        )


def _numbers(values: Sequence[float | None]) -> str:
    return ", ".join(f"{value:g}" for value in values[:40] if value is not None)


def _refuse_kinds(places: list[list[Plane]], shown: Path) -> None:
    """Refuse images of one plane that are no time frames, as of several echoes, or of magnitude and phase."""
    for number, keyword in enumerate(KIND_KEYS):
        for place in places:
            kinds = [plane.kinds[number] for plane in place]
            if len(set(kinds)) > 1:
                raise InputError(
                    f"{shown} has several images of each plane that are no time frames: they differ in {keyword}",
                    expected="one image of each plane, or time frames of one kind",
                    found=_counted(place, kinds),
                    remedy="part the files by what they show, a folder each",
                )
