import shutil
import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from scipy.spatial.transform import Rotation

from medsize.data.dicom_seg import TISSUE, property_codes, write_dicom_seg
from medsize.data.dicom_series import find_series
from medsize.data.formats import decode
from medsize.errors import InputError
from tests.data.dicoms import enhanced, save, write_cine

SHAPE = (8, 5, 4)  # X, Y, Z; whole bytes a plane, for GDCM misreads the last bits of others
STRUCTURES = {"lv": 3, "my own thing": 2}
PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
STUDY = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber")
AXIAL = np.eye(3)
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
OBLIQUE = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
REVERSED = np.diag([1.0, 1, -1])  # the planes of ascending instance numbers go against the normal
LEFT_HANDED = OBLIQUE @ REVERSED


def write_series(folder: Path, axes: np.ndarray, *, order: list[int] = (0, 1, 2, 3), **changes: object) -> list[Path]:
    """Write a series whose plane ``k`` lies ``8 k`` mm along the third of ``axes`` (LPS, the columns of a matrix)."""
    folder.mkdir()
    study, series, frame = (pydicom.uid.generate_uid() for _ in range(3))
    files = []
    for number, plane in enumerate(order):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = MRImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = pydicom.uid.generate_uid()
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        data.PatientID, data.PatientName, data.PatientBirthDate, data.PatientSex = "7", "Doe^Jo", "19700101", "O"
        data.StudyDate, data.StudyTime, data.AccessionNumber, data.StudyID = "20260102", "030405", "A9", "S1"
        data.Modality, data.SeriesNumber, data.InstanceNumber = "MR", 5, number + 1
        data.ImageOrientationPatient = [round(float(value), 9) for value in (*axes[:, 0], *axes[:, 1])]
        data.ImagePositionPatient = [round(float(value), 6) for value in np.array([3, -4, 5]) + 8 * plane * axes[:, 2]]
        data.PixelSpacing, data.SliceThickness, data.SpacingBetweenSlices = [2.0, 1.5], 8.0, 8.0  # rows, columns
        data.Rows, data.Columns, data.SamplesPerPixel = SHAPE[1], SHAPE[0], 1
        data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelData = pattern(plane).T.astype(np.uint16).tobytes()
        for name, value in changes.items():
            delattr(data, name) if value is None else setattr(data, name, value)
        files.append(folder / f"{number}.dcm")
        data.save_as(files[-1], enforce_file_format=True)
    return files


def pattern(plane: int) -> np.ndarray:
    return np.random.default_rng(plane).integers(0, 1000, SHAPE[:2])


def labels() -> np.ndarray:
    array = np.random.default_rng(9).choice(np.array([0, 2, 3], np.uint8), SHAPE)
    array[:, :, 2][array[:, :, 2] == 3] = 0  # a frame that can be left out
    return array


def by_position(seg: pydicom.Dataset, frames: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Put the frames of a SEG where they say they lie, on the grid of ``affine`` (indices to RAS mm)."""
    volume = np.zeros(SHAPE, np.uint8)
    values = list(STRUCTURES.values())
    for item, frame in zip(seg.PerFrameFunctionalGroupsSequence, frames, strict=True):
        orientation = np.array(
            seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient
        )
        spacing = np.array(seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing, float)
        position = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        number = item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for row, column in np.argwhere(frame):
            lps = position + column * spacing[1] * orientation[:3] + row * spacing[0] * orientation[3:]
            index = np.linalg.solve(affine, [-lps[0], -lps[1], lps[2], 1])[:3]
            np.testing.assert_allclose(index, np.round(index), atol=1e-3)
            volume[tuple(np.round(index).astype(int))] = values[number - 1]
    return volume


@pytest.mark.parametrize(
    "axes", [AXIAL, CORONAL, OBLIQUE, REVERSED, LEFT_HANDED], ids=["axial", "coronal", "oblique", "reversed", "left"]
)
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]], ids=["up", "down", "mixed"])
def test_every_voxel_lies_where_it_lay_in_the_series(tmp_path: Path, axes: np.ndarray, order: list[int]) -> None:
    write_series(tmp_path / "scan", axes, order=order)
    image, array = decode(tmp_path / "scan"), labels()
    write_dicom_seg(tmp_path / "seg.dcm", array, like=tmp_path / "scan", structures=STRUCTURES)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(by_position(seg, seg.pixel_array, image.affine), array)
    by_itk = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "seg.dcm")))
    np.testing.assert_array_equal(by_position(seg, by_itk, image.affine), array)


def test_highdicoms_own_reader_finds_each_images_segments(tmp_path: Path) -> None:
    files = write_series(tmp_path / "scan", OBLIQUE, order=[2, 0, 3, 1])
    array = labels()
    write_dicom_seg(tmp_path / "seg.dcm", array, like=tmp_path / "scan", structures=STRUCTURES)
    seg = highdicom.seg.segread(tmp_path / "seg.dcm")
    image = decode(tmp_path / "scan").array
    for file in files:
        source = pydicom.dcmread(file)
        plane = next(k for k in range(SHAPE[2]) if np.array_equal(image[:, :, k].T, source.pixel_array))
        read = seg.get_pixels_by_source_instance([source.SOPInstanceUID], ignore_spatial_locations=True)[0]
        for number, value in enumerate(STRUCTURES.values()):
            expected = np.where(value == array[:, :, plane].T, 1, 0)
            np.testing.assert_array_equal(read[..., number], expected)


def test_a_series_that_was_found_is_as_good_as_its_folder(tmp_path: Path) -> None:
    files = write_series(tmp_path / "scan", OBLIQUE, order=[2, 0, 3, 1])
    (series,), _ = find_series(files)
    assert series.files == tuple(files[place] for place in (1, 3, 0, 2))
    write_dicom_seg(tmp_path / "seg.dcm", labels(), like=series, structures=STRUCTURES)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    affine = decode(tmp_path / "scan").affine
    np.testing.assert_array_equal(by_position(seg, seg.pixel_array, affine), labels())


def test_segments_say_what_they_are_and_what_made_them(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", AXIAL)
    write_dicom_seg(
        tmp_path / "seg.dcm", labels(), like=tmp_path / "scan", structures=STRUCTURES, algorithm="medsize, run 08"
    )
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    assert seg.SegmentationType == "BINARY"
    lv, other = seg.SegmentSequence
    assert (lv.SegmentNumber, lv.SegmentLabel, lv.SegmentAlgorithmType) == (1, "lv", "AUTOMATIC")
    assert lv.SegmentedPropertyTypeCodeSequence[0].CodeValue == "87878005"
    assert lv.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "91723000"
    assert lv.SegmentAlgorithmName == "medsize, run 08"
    assert (other.SegmentNumber, other.SegmentLabel) == (2, "my own thing")
    assert other.SegmentedPropertyTypeCodeSequence[0].CodeValue == "85756007"


def test_patient_and_study_are_the_series_own_and_the_uids_new(tmp_path: Path) -> None:
    source = pydicom.dcmread(write_series(tmp_path / "scan", AXIAL)[0])
    for name in ("a.dcm", "b.dcm"):
        write_dicom_seg(tmp_path / name, labels(), like=tmp_path / "scan", structures=STRUCTURES)
    one, other = (pydicom.dcmread(tmp_path / name) for name in ("a.dcm", "b.dcm"))
    for name in (*PATIENT, *STUDY, "StudyInstanceUID", "FrameOfReferenceUID"):
        assert one[name].value == source[name].value
    uids = {d[name].value for d in (one, other, source) for name in ("SeriesInstanceUID", "SOPInstanceUID")}
    assert len(uids) == 6
    assert one.SeriesNumber == 501


def test_anonymised_series_without_names_and_dates_are_taken(tmp_path: Path) -> None:
    gone = dict.fromkeys((*PATIENT, *STUDY, "SeriesNumber"))
    write_series(tmp_path / "scan", AXIAL, **gone)
    write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "scan", structures=STRUCTURES)
    assert not pydicom.dcmread(tmp_path / "seg.dcm").PatientID


def test_a_series_without_thickness_has_that_of_its_planes_distance(tmp_path: Path) -> None:
    files = write_series(tmp_path / "series", AXIAL, SliceThickness=None)
    write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "series", structures=STRUCTURES)
    measures = pydicom.dcmread(tmp_path / "seg.dcm").SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SliceThickness == 8
    for file in files[1:]:
        file.unlink()
    with pytest.raises(InputError, match="does not say how thick its only plane is"):
        write_dicom_seg(tmp_path / "seg.dcm", labels()[:, :, :1], like=tmp_path / "series", structures=STRUCTURES)


def test_a_segmentation_without_a_single_pixel_is_written_all_the_same(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", AXIAL)
    write_dicom_seg(tmp_path / "seg.dcm", np.zeros(SHAPE, np.uint8), like=tmp_path / "scan", structures=STRUCTURES)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    assert not seg.pixel_array.any()
    assert len(seg.SegmentSequence) == 2


def test_one_plane_is_a_series_too(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", AXIAL, order=[0])
    write_dicom_seg(tmp_path / "seg.dcm", labels()[:, :, :1], like=tmp_path / "scan", structures=STRUCTURES)
    frames = np.atleast_3d(pydicom.dcmread(tmp_path / "seg.dcm").pixel_array).reshape(2, SHAPE[1], SHAPE[0])
    np.testing.assert_array_equal(frames[0], labels()[:, :, 0].T == 3)


@pytest.mark.skipif(shutil.which("dcmdump") is None, reason="dcmtk is not installed")
def test_dcmtk_reads_the_file(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", OBLIQUE)
    write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "scan", structures=STRUCTURES)
    dump = subprocess.run(["dcmdump", tmp_path / "seg.dcm"], capture_output=True, text=True, check=True)
    assert not dump.stderr
    assert "SegmentationStorage" in dump.stdout
    assert "NumberOfFrames" in dump.stdout


def test_every_code_is_in_dicoms_own_tables() -> None:
    known = {value for keyword in concepts["SCT"].values() for value in keyword}
    for name in ("LV", "Left_Ventricle", "rv", "myo", "liver", "tumour", "prostate", "lesion", "something"):
        assert {code[0] for code in property_codes(name)} <= known
    assert property_codes("tumor")[0][0] == "49755003"
    assert property_codes("left-atrium")[1][0] == "82471001"
    assert property_codes("something") == (TISSUE, TISSUE)


def test_values_of_no_structure_and_other_shapes_are_mistakes(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", AXIAL)
    with pytest.raises(ValueError, match=r"\[3\] and 0, found \[2\]"):
        write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "scan", structures={"lv": 3})
    with pytest.raises(ValueError, match="shape"):
        write_dicom_seg(tmp_path / "seg.dcm", labels()[:, :, :2], like=tmp_path / "scan", structures=STRUCTURES)
    assert not (tmp_path / "seg.dcm").exists()


def test_a_series_that_cannot_be_referred_to_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", AXIAL, FrameOfReferenceUID=None)
    with pytest.raises(InputError, match=r"lacks(.|\n)*FrameOfReferenceUID"):
        write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "scan", structures=STRUCTURES)


def test_frames_of_one_file_lie_where_they_lay_whatever_their_order(tmp_path: Path) -> None:
    order = [(2, 0), (0, 0), (3, 0), (1, 0)]
    save(enhanced(np.stack([pattern(z) for z in range(4)], -1)[..., None], order), tmp_path / "scan" / "a.dcm")
    write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "scan", structures=STRUCTURES)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    affine = decode(tmp_path / "scan").affine
    np.testing.assert_array_equal(by_position(seg, seg.pixel_array, affine), labels())


def test_frames_that_nothing_places_and_time_frames_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "frames", AXIAL, order=[0], NumberOfFrames=4)
    with pytest.raises(InputError, match=r"0\.dcm has 4 frames without PerFrameFunctionalGroupsSequence"):
        write_dicom_seg(tmp_path / "seg.dcm", labels()[:, :, :1], like=tmp_path / "frames", structures=STRUCTURES)
    write_cine(tmp_path / "cine", np.stack([np.stack([pattern(z) for z in range(4)], -1)] * 2, -1))
    with pytest.raises(InputError, match=r"holds 2 time frames(.|\n)*--format nifti"):
        write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "cine", structures=STRUCTURES)


def test_of_the_patient_only_what_a_segmentation_must_carry_goes_into_it(tmp_path: Path) -> None:
    keywords = [
        *("PatientComments", "Occupation", "ResponsiblePerson", "PatientAddress", "OtherPatientNames", "EthnicGroup"),
        *("ReferringPhysicianName", "StudyDescription", "AdmittingDiagnosesDescription", "InstitutionName"),
        *("AdditionalPatientHistory", "ImageComments", "OperatorsName", "PatientMotherBirthName", "MilitaryRank"),
    ]
    private = {keyword: f"SECRET^{number}" for number, keyword in enumerate(keywords)}
    write_series(tmp_path / "scan", AXIAL, PatientAge="050Y", PatientWeight=80.0, **private)
    write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path / "scan", structures=STRUCTURES)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    assert "SECRET" not in str(seg)
    assert b"SECRET" not in (tmp_path / "seg.dcm").read_bytes()
    assert "PatientAge" not in seg
    assert "PatientWeight" not in seg
    assert (seg.PatientName, seg.ReferringPhysicianName) == ("Doe^Jo", "")


def test_what_is_no_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 series"):
        write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path, structures=STRUCTURES)
    (tmp_path / "a.dcm").write_text("no DICOM")
    with pytest.raises(InputError, match=r"a\.dcm holds no DICOM"):
        write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path, structures=STRUCTURES)


def test_without_highdicom_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"medsize\[dicom\]"):
        write_dicom_seg(tmp_path / "seg.dcm", labels(), like=tmp_path, structures=STRUCTURES)
