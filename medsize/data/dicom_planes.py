"""The planes of DICOM files: where each says that it lies, what its values mean, and when it was taken."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from medsize.data.dicom_files import Damaged, read_dataset, reading

if TYPE_CHECKING:
    from pydicom import Dataset

Vector = tuple[float, ...]

PHASE_KEYS: Final = (
    "TemporalPositionIndex or TemporalPositionIdentifier",
    "TriggerTime or NominalCardiacTriggerDelayTime",
    "TemporalPositionTimeOffset",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
    "InstanceNumber",
)
"""What tells the time frames of a plane apart, the best first."""

KIND_KEYS: Final = ("ImageType", "EchoTime", "DiffusionBValue", "ComplexImageComponent", "SliceLocation")
"""What tells images of a plane apart that are no time frames."""

_KEYWORDS: Final = [
    *("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality", "SeriesDescription"),
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "FrameOfReferenceUID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"),
    *("ImagerPixelSpacing", "NominalScannedPixelSpacing", "SpacingBetweenSlices", "SliceLocation"),
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("TemporalPositionIdentifier", "TriggerTime", "AcquisitionNumber", "AcquisitionTime", "AcquisitionDateTime"),
    *("ContentTime", "InstanceNumber", "EchoTime", "DiffusionBValue", "ComplexImageComponent"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]
_ORTHONORMAL: Final = 0.01


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane of a DICOM file, as its attributes describe it.

    Attributes:
        path: The file.
        frame: Its place in the file, from 0.
        label: The name of the file, with the number of the frame if it has several.
        shape: Columns (X) and rows (Y).
        series: Series Instance UID.
        instance: SOP Instance UID.
        belongs: What planes of one volume share: the patient, the study, the frame of reference and the modality.
        position_mm: Of the centre of its first pixel, LPS.
        orientation: Direction of its rows, along which X grows, and of its columns; LPS.
        spacing_mm: Distance of pixel centres along X and Y.
        thickness_mm: Slice Thickness.
        rescale: Slope and intercept.
        times: The values of ``PHASE_KEYS``, as far as there are any.
        kinds: The values of ``KIND_KEYS``.
        flaw: Why it cannot be used, as a part of a sentence; empty if it can.
    """

    path: Path
    frame: int
    label: str
    shape: tuple[int, int]
    series: str
    instance: str
    belongs: tuple[tuple[str, str], ...]
    position_mm: Vector | None
    orientation: Vector | None
    spacing_mm: Vector | None
    thickness_mm: float | None
    rescale: tuple[float, float]
    times: tuple[float | None, ...]
    kinds: tuple[str, ...]
    flaw: str


@dataclass(frozen=True, slots=True)
class Header:
    """What the attributes of a file say.

    Attributes:
        path: The file.
        planes: One a frame; none where the file holds no image.
        series: Series Instance UID.
        instance: SOP Instance UID.
        modality: As CT or MR.
        image_type: The words of Image Type.
        description: Series Description.
        number: Series Number.
        is_image: Whether its class is one of images, or is not said.
        is_colour: Whether a pixel has several values.
    """

    path: Path
    planes: tuple[Plane, ...]
    series: str
    instance: str
    modality: str
    image_type: str
    description: str
    number: str
    is_image: bool
    is_colour: bool


def read_header(path: Path) -> Header:
    """Read what a DICOM file says of itself, without its pixels.

    Raises:
        Damaged: It cannot be read.
    """
    dataset = read_dataset(path, _KEYWORDS)
    with reading():
        words = dict.fromkeys(("SeriesInstanceUID", "SOPInstanceUID", "Modality", "SeriesDescription", "SeriesNumber"))
        series, instance, modality, description, number = (_text(dataset, keyword) for keyword in words)
        kind = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID")
        return Header(
            path=path,
            planes=_planes(dataset, path),
            series=series,
            instance=instance,
            modality=modality,
            image_type=_text(dataset, "ImageType").upper(),
            description=description,
            number=number,
            is_image=not kind or "Image Storage" in getattr(kind, "name", ""),
            is_colour=_text(dataset, "SamplesPerPixel") not in ("", "1")
            or _text(dataset, "PhotometricInterpretation").startswith(("RGB", "YBR", "PALETTE")),
        )


def _planes(dataset: "Dataset", path: Path) -> tuple[Plane, ...]:
    if not _text(dataset, "Rows") or not _text(dataset, "Columns"):
        return ()
    count = _number(dataset, "NumberOfFrames") or 1
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    if per_frame:
        if count != len(per_frame):
            raise Damaged(f"describes {len(per_frame)} of {count:g} frames (PerFrameFunctionalGroupsSequence)")
        return tuple(_plane(dataset, path, place, (groups, shared)) for place, groups in enumerate(per_frame))
    if count != 1:
        flaw = f"has {count:g} frames without PerFrameFunctionalGroupsSequence, so that nothing says where they lie"
        return (_plane(dataset, path, 0, (), flaw),)
    return (_plane(dataset, path, 0, ()),)


def _plane(dataset: "Dataset", path: Path, frame: int, groups: tuple[Any, ...], flaw: str = "") -> Plane:
    import pydicom

    flaws = [flaw] if flaw else []

    def read(take: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return take(*arguments)
        except Damaged as error:
            flaws.append(str(error))
            return None

    def group(sequence: str) -> "Dataset":
        """Return a functional group of the frame; in a file of one plane its attributes are the file's own."""
        if not groups:
            return dataset
        found = next((item.get(sequence) for item in groups if item is not None and item.get(sequence)), None)
        return found[0] if found else pydicom.Dataset()

    measures = group("PixelMeasuresSequence")
    orientation = read(_orientation, group("PlaneOrientationSequence"))
    position = read(_vector, group("PlanePositionSequence"), "ImagePositionPatient", 3)
    spacing = read(_pixel_spacing, measures, dataset)
    thickness = read(_length, measures, "SliceThickness")
    rescale = read(_rescale, group("PixelValueTransformationSequence")) or (1.0, 0.0)
    read(_check_grey, dataset)
    if not flaws and (position is None or orientation is None):
        flaws.append(_without_place(dataset, position is None))
    return Plane(
        path=path,
        frame=frame,
        label=f"{path.name}, frame {frame + 1}" if groups else path.name,
        shape=(int(_number(dataset, "Columns") or 0), int(_number(dataset, "Rows") or 0)),
        series=_text(dataset, "SeriesInstanceUID"),
        instance=_text(dataset, "SOPInstanceUID"),
        belongs=tuple(
            (keyword, _text(dataset, keyword))
            for keyword in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID", "Modality")
        ),
        position_mm=position,
        orientation=orientation,
        spacing_mm=spacing,
        thickness_mm=thickness,
        rescale=rescale,
        times=_times_of_frame(group, frame) if groups else _times(dataset),
        kinds=_kinds_of_frame(group) if groups else tuple(_text(dataset, keyword) for keyword in KIND_KEYS),
        flaw=flaws[0] if flaws else "",
    )


def _pixel_spacing(measures: "Dataset", dataset: "Dataset") -> Vector:
    values = _vector(measures, "PixelSpacing", 2)
    if values is None:
        others = [name for name in ("ImagerPixelSpacing", "NominalScannedPixelSpacing") if dataset.get(name)]
        told = f"; {others[0]} is that of the detector or the film, not of the patient" if others else ""
        raise Damaged(f"has no PixelSpacing, so that the size of its pixels is not known{told}")
    rows, columns = values  # between rows, so along Y, is first
    if min(rows, columns) <= 0:
        raise Damaged(f"has a PixelSpacing of {rows:g}\\{columns:g} mm")
    return columns, rows


def _orientation(group: "Dataset") -> Vector | None:
    values = _vector(group, "ImageOrientationPatient", 6)
    if values is None:
        return None
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if np.abs(np.subtract(lengths, 1)).max() > _ORTHONORMAL or abs(row @ column) > _ORTHONORMAL:
        shown = "\\".join(f"{value:g}" for value in values)
        raise Damaged(f"has an ImageOrientationPatient whose directions are no unit vectors at right angles: {shown}")
    return values


def _length(group: "Dataset", keyword: str) -> float | None:
    value = _number(group, keyword)
    if value is not None and value < 0:
        raise Damaged(f"has a {keyword} of {value:g} mm")
    return value or None  # a thickness of 0 is what some write who do not know it


def _rescale(group: "Dataset") -> tuple[float, float]:
    slope, intercept = _number(group, "RescaleSlope"), _number(group, "RescaleIntercept")
    if slope == 0:
        raise Damaged("has a RescaleSlope of 0")
    return 1.0 if slope is None else slope, intercept or 0.0


def _check_grey(dataset: "Dataset") -> None:
    if dataset.get("ModalityLUTSequence"):
        raise Damaged("gives its values by a table (ModalityLUTSequence)")
    photometric = _text(dataset, "PhotometricInterpretation")
    if photometric == "MONOCHROME1":
        raise Damaged("shows high values dark (PhotometricInterpretation is MONOCHROME1)")
    if photometric not in ("", "MONOCHROME2"):
        raise Damaged(f"is no grey image (PhotometricInterpretation is {photometric})")


def _without_place(dataset: "Dataset", position: bool) -> str:
    lacking = "ImagePositionPatient" if position else "ImageOrientationPatient"
    others = [name for name in ("SliceLocation", "SpacingBetweenSlices", "InstanceNumber") if dataset.get(name)]
    return f"has no {lacking}, so that nothing says where its plane lies" + (
        f"; {' and '.join(others)} cannot tell" if others and position else ""
    )


def _times(dataset: "Dataset") -> tuple[float | None, ...]:
    return (
        _number_or_none(dataset, "TemporalPositionIdentifier"),
        _number_or_none(dataset, "TriggerTime"),
        None,
        _number_or_none(dataset, "AcquisitionNumber"),
        _clock(dataset, "AcquisitionDateTime") or _clock(dataset, "AcquisitionTime"),
        _clock(dataset, "ContentTime"),
        _number_or_none(dataset, "InstanceNumber"),
    )


def _times_of_frame(group: Callable[[str], "Dataset"], frame: int) -> tuple[float | None, ...]:
    content = group("FrameContentSequence")
    return (
        _number_or_none(content, "TemporalPositionIndex"),
        _number_or_none(group("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime"),
        _number_or_none(group("TemporalPositionSequence"), "TemporalPositionTimeOffset"),
        _number_or_none(content, "FrameAcquisitionNumber"),
        _clock(content, "FrameAcquisitionDateTime"),
        _clock(content, "FrameReferenceDateTime"),
        float(frame),
    )


def _kinds_of_frame(group: Callable[[str], "Dataset"]) -> tuple[str, ...]:
    frame_type = group("MRImageFrameTypeSequence") or group("CTImageFrameTypeSequence")
    return (
        _text(frame_type, "FrameType"),
        _text(group("MREchoSequence"), "EffectiveEchoTime"),
        _text(group("MRDiffusionSequence"), "DiffusionBValue"),
        _text(frame_type, "ComplexImageComponent"),
        "",
    )


def _text(dataset: "Dataset", keyword: str) -> str:
    try:
        value = dataset.get(keyword)
    except Exception:  # an attribute that cannot be read says nothing
        return ""
    if value is None:
        return ""
    parts = [value] if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__") else list(value)
    return "\\".join(str(part) for part in parts).encode("utf-8", "replace").decode().strip(" \0")


def _vector(dataset: "Dataset", keyword: str, length: int) -> Vector | None:
    try:
        value = dataset.get(keyword)
        if value is None or value == "" or (hasattr(value, "__len__") and len(value) == 0):
            return None
        values = tuple(float(part) for part in ([value] if isinstance(value, (str, float, int)) else value))
    except Exception as error:  # whatever pydicom makes of what stands there
        raise Damaged(f"has a {keyword} that is no number ({str(error)[:80]})") from error
    if len(values) != length or not np.isfinite(values).all():
        shown = "\\".join(f"{part:g}" for part in values[:8])
        raise Damaged(f"has a {keyword} of {shown}, not {'a number' if length == 1 else f'{length} numbers'}")
    return values


def _number(dataset: "Dataset", keyword: str) -> float | None:
    values = _vector(dataset, keyword, 1)
    return None if values is None else values[0]


def _number_or_none(dataset: "Dataset", keyword: str) -> float | None:
    try:
        return _number(dataset, keyword)
    except Damaged:
        return None


def _clock(dataset: "Dataset", keyword: str) -> float | None:
    """Return a date and time, or a time of day, as a number that grows with it."""
    found = re.match(r"\d+(\.\d+)?", _text(dataset, keyword).replace(":", ""))
    return float(found.group()) if found else None
