"""Labels as a DICOM Segmentation: the file that viewers and archives of hospitals open beside the images."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import medsize
from medsize.data.dicom_files import Damaged, read_dataset
from medsize.data.dicom_planes import Plane
from medsize.data.dicom_series import DicomSeries, series_of
from medsize.data.dicom_stack import arrange
from medsize.errors import InputError
from medsize.files import atomic_path

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription
    from pydicom import Dataset

Code = tuple[str, str, str]
"""Value, coding scheme and meaning."""

ANATOMY: Code = ("91723000", "SCT", "Anatomical Structure")
ABNORMALITY: Code = ("49755003", "SCT", "Morphologically Abnormal Structure")
TISSUE: Code = ("85756007", "SCT", "Tissue")
"""Category and type of a structure whose name is not known, as other tools write it; its label has the name."""

_TYPES: dict[str, Code] = {
    "lv": ("87878005", "SCT", "Left ventricle"),
    "left ventricle": ("87878005", "SCT", "Left ventricle"),
    "rv": ("53085002", "SCT", "Right ventricle"),
    "right ventricle": ("53085002", "SCT", "Right ventricle"),
    "myo": ("49848007", "SCT", "Left Ventricle Myocardium"),
    "myocardium": ("49848007", "SCT", "Left Ventricle Myocardium"),
    "la": ("82471001", "SCT", "Left atrium"),
    "left atrium": ("82471001", "SCT", "Left atrium"),
    "ra": ("73829009", "SCT", "Right atrium"),
    "right atrium": ("73829009", "SCT", "Right atrium"),
    "heart": ("80891009", "SCT", "Heart"),
    "aorta": ("15825003", "SCT", "Aorta"),
    "lung": ("39607008", "SCT", "Lung"),
    "liver": ("10200004", "SCT", "Liver"),
    "spleen": ("78961009", "SCT", "Spleen"),
    "kidney": ("64033007", "SCT", "Kidney"),
    "pancreas": ("15776009", "SCT", "Pancreas"),
    "stomach": ("69695003", "SCT", "Stomach"),
    "gallbladder": ("28231008", "SCT", "Gallbladder"),
    "esophagus": ("32849002", "SCT", "Esophagus"),
    "bladder": ("89837001", "SCT", "Bladder"),
    "prostate": ("41216001", "SCT", "Prostate"),
    "brain": ("12738006", "SCT", "Brain"),
    "tumor": ("108369006", "SCT", "Tumor"),
    "tumour": ("108369006", "SCT", "Tumor"),
    "lesion": ("52988006", "SCT", "Lesion"),
}
_ABNORMAL = ("108369006", "52988006")

_MAY_BE_EMPTY: Final = (  # the standard wants them there; anonymised files often lack them
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
_NEEDED: Final = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
)
_PLACE: Final = (
    *("Rows", "Columns", "NumberOfFrames", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("ImagePositionPatient", "ImageOrientationPatient"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("DimensionOrganizationSequence", "DimensionIndexSequence"),
)
_CARRIED: Final = [*_NEEDED, *_MAY_BE_EMPTY, *_PLACE, "SpecificCharacterSet", "SeriesNumber"]
"""All that is read of a source. Comments on the patient, occupation, relatives and the like do not come this far."""


def property_codes(structure: str) -> tuple[Code, Code]:
    """Return the segmented property category and type of a structure, by its name.

    Case, underscores and hyphens do not matter. A name that is not known gives ``TISSUE`` for both.
    """
    code = _TYPES.get(structure.lower().replace("_", " ").replace("-", " "))
    if code is None:
        return TISSUE, TISSUE
    return ABNORMALITY if code[0] in _ABNORMAL else ANATOMY, code


def write_dicom_seg(
    path: Path,
    array: NDArray[np.uint8],
    *,
    like: Path | DicomSeries,
    structures: Mapping[str, int],
    algorithm: str = "medsize",
) -> None:
    """Write labels of a DICOM series as a binary DICOM Segmentation, one segment a structure.

    Every frame carries the position and orientation of the plane it belongs to and refers to its image, so it lies
    right for any orientation and order of files. Frames without any pixel of a segment are left out, as the standard
    allows. Patient (name, ID, birth date, sex) and study (UID, ID, date, time, accession number) are those of the
    series, the UIDs are new, and nothing else is taken over.

    Args:
        path: File to write, ``.dcm``, whole or not at all.
        array: (X, Y, Z), the values of ``structures`` and 0, on the grid that ``medsize.data.formats`` reads.
        like: The series, of one time frame, or its folder.
        structures: Name to value; segments are numbered from 1 in this order and labelled with the names.
        algorithm: Named as what made the segments, automatically.

    Raises:
        InputError: The extra ``dicom`` is not installed, the series lacks what a segmentation must refer to, or the
            place cannot be written to.
        ValueError: The array has values that are no structure's, or another shape than the series.
    """
    try:
        from highdicom import UID
        from highdicom.seg import Segmentation, SegmentationTypeValues
    except ModuleNotFoundError as error:
        raise InputError(
            "DICOM segmentations need packages that are not installed",
            expected="highdicom and pydicom",
            found=f"no {error.name}",
            remedy="pip install 'medsize[dicom]'",
        ) from error

    series = series_of(like) if isinstance(like, Path) else like
    stack = arrange(series.planes, series.folder)
    if len(stack.frames) > 1:
        raise InputError(
            f"{series.folder} holds {len(stack.frames)} time frames",
            expected="one, as a DICOM segmentation cannot say to which of several a frame belongs",
            remedy="write NIfTI (--format nifti)",
        )
    (planes,) = stack.frames
    sources = _read_sources(planes, stack.spacing_mm[2])
    segments = _segment_numbers(array, structures, (*planes[0].shape, len(planes))).transpose(2, 1, 0)
    if len(sources) == 1:  # the frames of a file are in its own order
        segments = segments[np.argsort([plane.frame for plane in planes])]
    with _of_the_source(planes[0].path):
        segmentation = Segmentation(
            source_images=sources,
            pixel_array=segments,
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[
                _describe(number, name, algorithm) for number, name in enumerate(structures, start=1)
            ],
            series_instance_uid=UID(),
            series_number=_series_number(sources[0]),
            sop_instance_uid=UID(),
            instance_number=1,
            manufacturer="medsize",
            manufacturer_model_name="medsize",
            software_versions=medsize.__version__,
            device_serial_number="none",  # a program has none, but the standard wants a word here
            series_description="Segmentation by medsize",
            content_label="SEGMENTATION",
            omit_empty_frames=bool(array.any()),  # a segmentation cannot be without frames
        )
    with atomic_path(path) as partial:
        segmentation.save_as(partial)


@contextmanager
def _of_the_source(path: Path) -> Iterator[None]:
    """Name the series where highdicom cannot refer to it, and leave its names and dates to the source.

    Raises:
        InputError: It cannot.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are not as the standard has them
            yield
    except (ValueError, AttributeError, KeyError) as error:
        raise InputError(
            f"a DICOM segmentation cannot refer to {path}",
            expected="a DICOM image with the attributes that the standard asks for",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            remedy="write NIfTI (--format nifti)",
        ) from error


def _read_sources(planes: Sequence[Plane], distance_mm: float) -> list["Dataset"]:
    """Read what is carried of the files of planes, in their order."""
    sources: list[Dataset] = []
    for file in dict.fromkeys(plane.path for plane in planes):
        try:
            source = read_dataset(file, _CARRIED)
        except Damaged as error:
            raise InputError(f"{file} {error}", expected="a file of a DICOM series") from error
        missing = [name for name in _NEEDED if not source.get(name)]
        if missing:
            raise InputError(
                f"{file} lacks what a DICOM segmentation must refer to",
                expected=", ".join(missing),
                remedy="export the series again with these attributes, or write NIfTI (--format nifti)",
            )
        for name in _MAY_BE_EMPTY:
            if name not in source:
                setattr(source, name, "")
        _complete_thickness(source, distance_mm)
        sources.append(source)
    return sources


def _complete_thickness(source: "Dataset", distance_mm: float) -> None:
    """Take the distance of the planes for their thickness where the series has none, which a segmentation must."""
    shared = source.get("SharedFunctionalGroupsSequence")
    measures = (shared[0].get("PixelMeasuresSequence") if shared else None) or [source]
    if not measures[0].get("SliceThickness"):
        measures[0].SliceThickness = f"{distance_mm:.8g}"


def _segment_numbers(
    array: NDArray[np.uint8], structures: Mapping[str, int], shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    if array.shape != shape:
        raise ValueError(f"expected labels of shape {shape}, got {array.shape}")
    numbers = np.zeros(256, np.uint8)
    numbers[list(structures.values())] = np.arange(1, len(structures) + 1)
    segments = numbers[array]
    if not np.array_equal(segments > 0, array > 0):
        found = sorted({int(value) for value in np.unique(array)} - {0, *structures.values()})
        raise ValueError(f"expected only the values {sorted(structures.values())} and 0, found {found}")
    return segments


def _series_number(source: "Dataset") -> int:
    """Return a number that is unlikely to be taken in the study and tells which series was segmented."""
    return int(source.get("SeriesNumber") or 0) % 10_000_000 * 100 + 1


def _describe(number: int, name: str, algorithm: str) -> "SegmentDescription":
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from highdicom.sr import CodedConcept

    category, kind = (CodedConcept(*code) for code in property_codes(name))
    return SegmentDescription(
        segment_number=number,
        segment_label=name[:64],  # the standard's longest
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=algorithm[:64],
            family=CodedConcept("123110", "DCM", "Artificial Intelligence"),
            version=medsize.__version__,
        ),
    )
