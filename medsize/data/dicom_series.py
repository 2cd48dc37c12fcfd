"""DICOM series: finding them among files, and reading one as a volume, of one or several time frames."""

import filecmp
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medsize.data.decoded import Decoded, explained
from medsize.data.dicom_files import Damaged, has_dicom_name, is_dicom
from medsize.data.dicom_join import Piece, join
from medsize.data.dicom_pixels import stored_values
from medsize.data.dicom_planes import Header, Plane, read_header
from medsize.data.dicom_stack import SAME_ORIENTATION, Stack, arrange
from medsize.data.placement import Place, check_place
from medsize.errors import InputError

_NO_IMAGES: Final = frozenset(
    ["SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "REG", "RWV", "FID", "DOC", "AU", "ECG", "HD"]
)
_MOST_VOXELS: Final = 2**31


@dataclass(frozen=True, slots=True)
class DicomSeries:
    """The planes of one volume, which may be of several time frames.

    Attributes:
        planes: Time frame by time frame, in each along the normal of the image; in any order where reading fails.
        phases: How many time frames there are.
        description: The series description; may be empty.
        number: The series number; may be empty.
    """

    planes: tuple[Plane, ...]
    phases: int
    description: str
    number: str

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, in the order of the planes."""
        return tuple(dict.fromkeys(plane.path for plane in self.planes))

    @property
    def folder(self) -> Path:
        """Where its files lie, or the folders of its files."""
        return Path(os.path.commonpath([path.parent for path in self.files]))


@dataclass(frozen=True, slots=True)
class LeftAside:
    """DICOM files that are no part of a volume.

    Attributes:
        files: The files.
        reason: Why, as part of a sentence.
        is_problem: Whether there should be an image in them.
    """

    files: tuple[Path, ...]
    reason: str
    is_problem: bool = False


def find_series(files: Iterable[Path]) -> tuple[list[DicomSeries], list[LeftAside]]:
    """Sort DICOM files into series.

    Segmentations, reports, presentations, plans and the like, localizers, colours, copies of files, and files in
    which there is no image are left aside; damaged files are, too, as a problem. Whether a series can be read as a
    volume is found when it is read.

    Args:
        files: DICOM files, in any order, of any number of series and patients.

    Returns:
        The series, by folder and number, and what was left aside.
    """
    headers, aside = _read_headers(files)
    pieces: list[Piece] = []
    for members in _by_series(headers):
        reason = _no_volume(members)
        if reason:
            aside.append(LeftAside(tuple(header.path for header in members), reason))
            continue
        kept, copies = _without_copies(members)
        if copies:
            aside.append(LeftAside(tuple(copies), "are copies of other files of their series"))
        planes = tuple(plane for header in kept for plane in header.planes)
        pieces.append(Piece(planes, members[0].description, members[0].number))
    series = [_series(group) for group in join(pieces)]
    return sorted(series, key=lambda found: (found.folder, found.number.zfill(9), found.files)), aside


def series_of(folder: Path) -> DicomSeries:
    """Return the series whose files lie in a folder.

    Raises:
        InputError: There is not exactly one, or a file is damaged.
    """
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    series, aside = find_series(path for path in files if has_dicom_name(path) or is_dicom(path))
    for left in aside:
        if left.is_problem:
            raise left_aside(left, folder / left.files[0].name)
    if len(series) != 1:
        raise InputError(
            f"{folder} does not hold one volume",
            expected="the files of exactly one DICOM series",
            found=f"{len(series)} series in {len(files)} files",
            remedy="make one folder a series" if series else "name the image file itself, or the DICOM folder",
        )
    return series[0]


def decode_series(series: DicomSeries, shown: Path) -> Decoded:
    """Read a series as a volume, of three dimensions or, with several time frames, four.

    Args:
        series: The series.
        shown: What to call it in messages.

    Raises:
        InputError: A file is damaged, the planes do not belong together, lack what says where they lie or how large
            they are, or are not evenly spaced.
    """
    stack = arrange(series.planes, shown)
    shape = (*series.planes[0].shape, len(stack.frames[0]), len(stack.frames))
    _check_size(shape, shown)
    place = Place(stack.affine, stack.spacing_mm, stack.spacing_from)
    check_place(place, shape, shown)
    with explained(shown):
        array = _values(stack, shape, shown)
    return Decoded(array, place.affine, place.spacing_mm, place.spacing_from)


def _values(stack: Stack, shape: tuple[int, ...], shown: Path) -> NDArray[np.float32]:
    """Return the rescaled values of all planes, each file read once."""
    array = np.empty(shape, np.float32, order="F")
    wanted: dict[Path, list[tuple[int, int, Plane]]] = defaultdict(list)
    for time, frame in enumerate(stack.frames):
        for height, plane in enumerate(frame):
            wanted[plane.path].append((height, time, plane))
    for path, planes in wanted.items():
        stored = _stored_values(path, shown)
        for height, time, plane in planes:
            if plane.frame >= len(stored) or stored.shape[1:] != shape[1::-1]:
                raise InputError(f"{shown}: {path.name} has changed while it was read")
            slope, intercept = plane.rescale
            array[:, :, height, time] = (stored[plane.frame] * slope + intercept).T
    return array if shape[3] > 1 else array[..., 0]


def left_aside(left: LeftAside, shown: Path) -> InputError:
    """Return the error of a file that should have been an image; ``shown`` is what the user knows it as."""
    return InputError(
        f"{shown} {left.reason}",
        expected="a DICOM image; a series is segmented without it",
        remedy="copy or export the file again, or remove it",
    )


def _stored_values(path: Path, shown: Path) -> NDArray[Any]:
    try:
        return stored_values(path)
    except Damaged as error:
        raise InputError(
            f"{shown}: {path.name} {error}",
            expected="a whole DICOM image",
            remedy="copy or export the file again",
        ) from error


def _check_size(shape: Sequence[int], shown: Path) -> None:
    if np.prod(shape) > _MOST_VOXELS:
        raise InputError(
            f"{shown} is too large",
            expected=f"at most {_MOST_VOXELS:,} voxels",
            found=" × ".join(map(str, shape)),
            remedy="part it",
        )


def _read_headers(files: Iterable[Path]) -> tuple[list[Header], list[LeftAside]]:
    headers: list[Header] = []
    without_image: list[Path] = []
    aside: list[LeftAside] = []
    for path in files:
        try:
            header = read_header(path)
        except Damaged as error:
            aside.append(LeftAside((path,), str(error), is_problem=True))
            continue
        if header.planes:
            headers.append(header)
        elif header.is_image and header.modality not in _NO_IMAGES:
            aside.append(LeftAside((path,), "has no Rows and Columns, as if it were cut off", is_problem=True))
        else:
            without_image.append(path)
    if without_image:
        aside.append(LeftAside(tuple(without_image), "hold no image that can be read"))
    return headers, aside


def _by_series(headers: list[Header]) -> list[list[Header]]:
    grouped: dict[tuple[str, Path | None], list[Header]] = defaultdict(list)
    for header in headers:
        # a multi-frame file is a volume of its own, and files without a series belong to those beside them
        alone = header.path if len(header.planes) > 1 else header.path.parent if not header.series else None
        grouped[header.series, alone].append(header)
    return list(grouped.values())


def _no_volume(members: list[Header]) -> str:
    first = members[0]
    if first.modality in _NO_IMAGES:
        return f"are {first.modality}, not images"
    if any("LOCALIZER" in header.image_type for header in members):
        return "are localizers"
    if all(header.is_colour for header in members):
        return "are colour pictures, not grey images"
    counts = _orientations([plane for header in members for plane in header.planes])
    if len(counts) > 1 and 2 * counts[0] <= sum(counts):  # otherwise it is a stack of which some planes lie wrong
        return f"are planes of several orientations in one series, as localizers are ({_listed(counts)})"
    return ""


def _orientations(planes: Sequence[Plane]) -> list[int]:
    """Count the planes of each orientation; the most frequent first."""
    known: list[NDArray[np.float64]] = []
    counts: Counter[int] = Counter()
    for plane in planes:
        if plane.orientation is None:
            continue
        same = next(
            (at for at, one in enumerate(known) if np.abs(one - plane.orientation).max() <= SAME_ORIENTATION), -1
        )
        if same < 0:
            known.append(np.array(plane.orientation))
            same = len(known) - 1
        counts[same] += 1
    return [count for _, count in counts.most_common()]


def _listed(counts: list[int]) -> str:
    return ", ".join(map(str, counts[:6])) + (", …" if len(counts) > 6 else "")


def _without_copies(members: list[Header]) -> tuple[list[Header], list[Path]]:
    """Return the files without those that are byte for byte another of the same SOP Instance UID."""
    kept: dict[str, list[Header]] = defaultdict(list)
    copies: list[Path] = []
    for header in members:
        same = kept[header.instance]
        if header.instance and any(filecmp.cmp(header.path, other.path, shallow=False) for other in same):
            copies.append(header.path)
        else:
            same.append(header)
    return [header for same in kept.values() for header in same], copies


def _series(pieces: list[Piece]) -> DicomSeries:
    planes = tuple(plane for piece in pieces for plane in piece.planes)
    description = pieces[0].description
    if len(pieces) > 1:
        description = _common_start([piece.description for piece in pieces])
    phases = 1
    try:
        stack = arrange(planes, Path(description))
        planes, phases = tuple(plane for frame in stack.frames for plane in frame), len(stack.frames)
    except InputError:  # said when it is read, which is where one input's failure belongs
        pass
    return DicomSeries(planes, phases, description, pieces[0].number)


def _common_start(texts: Sequence[str]) -> str:
    same = [len(set(letters)) == 1 for letters in zip(*texts, strict=False)]
    return texts[0][: [*same, False].index(False)]


def series_names(series: list[DicomSeries]) -> Iterator[tuple[DicomSeries, str]]:
    """Name the series of one folder by their descriptions, with their numbers where several are described alike.

    Yields:
        Each series and a name that is a file name everywhere.
    """
    described = sorted(((_file_name(found.description), found) for found in series), key=lambda pair: pair[0])
    for name, alike in groupby(described, key=lambda pair: pair[0]):
        members = [found for _, found in alike]
        numbers = [found.number for found in members]
        for place, found in enumerate(members, start=1):
            parts = [name] if name else ["series"]
            if len(members) > 1 or not name:
                parts.append(found.number if found.number and numbers.count(found.number) == 1 else str(place))
            yield found, "_".join(parts)


def _file_name(description: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in description).strip("_.")
