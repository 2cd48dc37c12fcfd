"""Series of one plane each that are one stack: scanners store a cine of the heart so, a series a slice."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from medsize.data.dicom_planes import Plane
from medsize.data.dicom_stack import SAME_ORIENTATION, SAME_PLACE_MM, directions, places_along

_BESIDE: Final = 1.01
"""In distances of planes: a series as near as this to a stack may be its missing plane."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The planes of one series, or of one multi-frame file.

    Attributes:
        planes: In any order.
        description: Of the series.
        number: Of the series.
    """

    planes: tuple[Plane, ...]
    description: str
    number: str


def join(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Sort pieces into those that belong together.

    Series of one plane each, with one image or with all time frames of it, are one stack where patient, study, frame
    of reference, modality, orientation, spacing and matrix agree. Where two of them lie in one place, those of one
    description (but for its digits) belong together. What lies where a plane of the stack is missing is taken for
    it, though it differs: reading the stack then says in what.

    Returns:
        The pieces; those of one stack together.
    """
    comparable: dict[Hashable, list[Piece]] = defaultdict(list)
    apart: list[list[Piece]] = []
    for piece in pieces:
        if _is_one_plane(piece):
            comparable[_subject(piece)].append(piece)
        else:
            apart.append([piece])
    groups = [
        group for subject in comparable.values() for turned in _by_orientation(subject) for group in _stacks(turned)
    ]
    order = {id(piece): place for place, piece in enumerate(pieces)}
    return sorted([*apart, *groups], key=lambda group: order[id(group[0])])


def _is_one_plane(piece: Piece) -> bool:
    if any(plane.flaw for plane in piece.planes):
        return False
    return len(places_along(piece.planes, directions(piece.planes[0])[2])) == 1


def _subject(piece: Piece) -> Hashable:
    """Return what series must share to be compared: the patient, the study, the modality, and whether time goes by."""
    belongs = dict(piece.planes[0].belongs)
    return belongs["PatientID"], belongs["StudyInstanceUID"], belongs["Modality"], len(piece.planes) > 1


def _by_orientation(pieces: list[Piece]) -> list[list[Piece]]:
    groups: list[list[Piece]] = []
    for piece in pieces:
        directed = np.array(piece.planes[0].orientation)
        for group in groups:
            if np.abs(directed - group[0].planes[0].orientation).max() <= SAME_ORIENTATION:
                group.append(piece)
                break
        else:
            groups.append([piece])
    return groups


def _stacks(pieces: list[Piece]) -> list[list[Piece]]:
    """Return stacks of pieces of one orientation, each in the order of its planes."""
    normal = directions(pieces[0].planes[0])[2]

    def height(piece: Piece) -> float:
        return float(np.array(piece.planes[0].position_mm) @ normal)

    stacks = []
    for group in _grouped(sorted(pieces, key=height), _grid):
        heights = [height(piece) for piece in group]
        doubled = len(heights) > 1 and np.diff(heights).min() <= SAME_PLACE_MM
        stacks += _grouped(group, _described) if doubled else [group]
    for stack in [stack for stack in stacks if len(stack) > 1]:
        for other in [other for other in stacks if other is not stack]:
            if any(_is_missing(height(piece), [height(found) for found in stack]) for piece in other):
                stack += other
                stacks.remove(other)
    return [sorted(stack, key=height) for stack in stacks]


def _grouped(pieces: Sequence[Piece], key: Callable[[Piece], Hashable]) -> list[list[Piece]]:
    groups: dict[Hashable, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[key(piece)].append(piece)
    return list(groups.values())


def _grid(piece: Piece) -> Hashable:
    first = piece.planes[0]
    spacing = tuple(float(f"{length:.4g}") for length in first.spacing_mm or ())
    return dict(first.belongs)["FrameOfReferenceUID"], first.shape, spacing, first.kinds[:-1]  # without SliceLocation


def _described(piece: Piece) -> Hashable:
    return re.sub(r"\d+", "", piece.description)


def _is_missing(height: float, stack: list[float]) -> bool:
    """Tell whether a plane lies in a stack or next to its ends, where none of its planes lies."""
    lowest, highest = min(stack), max(stack)
    step = (highest - lowest) / (len(stack) - 1)
    near = lowest - _BESIDE * step < height < highest + _BESIDE * step
    return near and min(abs(height - place) for place in stack) > max(SAME_PLACE_MM, 0.01 * step)
