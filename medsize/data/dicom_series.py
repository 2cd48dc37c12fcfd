"""DICOM series: finding them among files, and reading one as a volume."""
# SimpleITK is typed in part only:
# mypy: allow-untyped-calls

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from medsize.data.decoded import Decoded, explained, from_itk
from medsize.errors import InputError

_NO_IMAGES: Final = frozenset(
    ["SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "REG", "RWV", "FID", "DOC", "AU", "ECG", "HD"]
)
_SAME_ORIENTATION: Final = 1e-3


@dataclass(frozen=True, slots=True)
class DicomSeries:
    """The files of one volume.

    Attributes:
        files: In the order of their planes, along the normal of the image; a multi-frame file is alone.
        description: The series description; may be empty.
        number: The series number; may be empty.
    """

    files: tuple[Path, ...]
    description: str
    number: str

    @property
    def folder(self) -> Path:
        """Where its first file lies."""
        return self.files[0].parent


@dataclass(frozen=True, slots=True)
class LeftAside:
    """DICOM files that hold no volume to segment.

    Attributes:
        files: The files.
        reason: Why, as part of a sentence.
    """

    files: tuple[Path, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class _Header:
    path: Path
    tags: dict[str, str]
    planes: int

    def __getitem__(self, tag: str) -> str:
        return self.tags.get(tag, "").strip()

    def vector(self, tag: str, length: int) -> NDArray[np.float64] | None:
        try:
            values = np.array(self[tag].split("\\"), np.float64)
        except ValueError:
            return None
        return values if values.shape == (length,) else None

    @property
    def orientation(self) -> NDArray[np.float64] | None:
        return self.vector("0020|0037", 6)


def is_dicom(path: Path) -> bool:
    """Tell a DICOM file by its content: the letters DICM after 128 bytes."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def find_series(files: Iterable[Path]) -> tuple[list[DicomSeries], list[LeftAside]]:
    """Sort DICOM files into series.

    Segmentations, reports, presentations, plans and the like, localizers, and files in which there is no image are
    left aside.

    Args:
        files: DICOM files, in any order, of any number of series and patients.

    Returns:
        The series, by folder and number, and what was left aside.
    """
    headers: list[_Header] = []
    without_image: list[Path] = []
    for path in files:
        header = _read_header(path)
        headers.append(header) if header else without_image.append(path)
    grouped: dict[str, list[_Header]] = defaultdict(list)
    for header in headers:
        alone = f" {header.path}" if header.planes > 1 else ""  # a multi-frame file is a volume of its own
        grouped[header["0020|000e"] + alone].append(header)
    series: list[DicomSeries] = []
    aside = [LeftAside(tuple(without_image), "hold no image that can be read")] if without_image else []
    for members in grouped.values():
        reason = _no_volume(members)
        if reason:
            aside.append(LeftAside(tuple(header.path for header in members), reason))
        else:
            ordered = tuple(header.path for header in _in_order(members))
            series.append(DicomSeries(ordered, members[0]["0008|103e"], members[0]["0020|0011"]))
    return sorted(series, key=lambda found: (found.folder, found.number.zfill(9), found.files)), aside


def decode_series(series: DicomSeries, shown: Path) -> Decoded:
    """Read a series as a volume.

    Args:
        series: The series.
        shown: What to call it in messages.

    Raises:
        InputError: A file is damaged, or the planes are not evenly spaced.
    """
    with explained(shown):
        if len(series.files) == 1:
            return from_itk(SimpleITK.ReadImage(str(series.files[0]), imageIO="GDCMImageIO"), shown)
        reader = SimpleITK.ImageSeriesReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileNames([str(path) for path in series.files])
        reader.MetaDataDictionaryArrayUpdateOn()
        image = reader.Execute()
    _check_even_planes(reader, len(series.files), shown)
    return from_itk(image, shown)


def _read_header(path: Path) -> _Header | None:
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    tags = {key: reader.GetMetaData(key).encode("utf-8", "replace").decode() for key in reader.GetMetaDataKeys()}
    return _Header(path, tags, (*reader.GetSize(), 1)[2])


def _no_volume(members: list[_Header]) -> str:
    first = members[0]
    if first["0008|0060"] in _NO_IMAGES:
        return f"are {first['0008|0060']}, not images"
    if any("LOCALIZER" in header["0008|0008"].upper() for header in members):
        return "are localizers"
    orientations = [header.orientation for header in members]
    known = [orientation for orientation in orientations if orientation is not None]
    if any(np.abs(orientation - known[0]).max() > _SAME_ORIENTATION for orientation in known):
        return "are planes of several orientations in one series"
    return ""


def _in_order(members: list[_Header]) -> list[_Header]:
    """Return files along the normal of the image; where positions are missing, by their instance number."""
    positions = [header.vector("0020|0032", 3) for header in members]
    orientation = members[0].orientation
    if orientation is None or any(position is None for position in positions):
        return sorted(members, key=lambda header: (header["0020|0013"].zfill(9), header.path))
    normal = np.cross(orientation[:3], orientation[3:])
    heights = [float(position @ normal) for position in positions if position is not None]
    return [members[at] for at in np.argsort(heights, kind="stable")]


def _check_even_planes(reader: SimpleITK.ImageSeriesReader, count: int, shown: Path) -> None:
    tag = "0020|0032"  # Image Position (Patient)
    if not all(reader.HasMetaDataKey(plane, tag) for plane in range(count)):
        return
    positions = np.array([reader.GetMetaData(plane, tag).split("\\") for plane in range(count)], np.float64)
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    if np.ptp(steps) > 0.05 * steps.max() or steps.max() == 0:
        raise InputError(
            f"the planes of the DICOM series in {shown} are not evenly spaced",
            expected="one plane a file, all the same distance apart",
            found=f"distances from {steps.min():.3g} to {steps.max():.3g} mm",
            remedy="look for missing files, or for several time frames or orientations in one series",
        )


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
