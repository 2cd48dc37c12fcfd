from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless, generate_uid

from medsize.data.dicom_series import DicomSeries, decode_series, find_series, series_names
from medsize.data.formats import decode
from medsize.errors import InputError
from tests.data.dicoms import AXIAL, OBLIQUE, ORIGIN, at, enhanced, normal_of, plane, save, write_cine, write_planes

VOLUME = np.random.default_rng(0).integers(-1000, 1000, (6, 5, 4)).astype(np.int16)
CINE = np.random.default_rng(1).integers(0, 1000, (6, 5, 3, 5)).astype(np.int16)
RAS = np.diag([-1.0, -1, 1])


def one_series(files: list[Path]) -> DicomSeries:
    (series,), aside = find_series(files)
    assert not aside
    return series


def read(files: list[Path]) -> np.ndarray:
    return decode_series(one_series(files), Path("scan")).array


def test_every_voxel_lies_where_the_attributes_say(tmp_path: Path) -> None:
    write_planes(tmp_path / "scan", VOLUME)
    decoded = decode(tmp_path / "scan")
    np.testing.assert_array_equal(decoded.array, VOLUME)
    assert decoded.spacing_mm == pytest.approx((1.5, 2.0, 10.0), rel=1e-6)
    for x, y, z in ((0, 0, 0), (5, 2, 3), (1, 4, 1)):
        lps = ORIGIN + 1.5 * x * np.array(OBLIQUE[:3]) + 2.0 * y * np.array(OBLIQUE[3:]) + 10 * z * normal_of(OBLIQUE)
        np.testing.assert_allclose((decoded.affine @ [x, y, z, 1])[:3], RAS @ lps, atol=1e-5)


def test_the_distance_of_planes_is_that_of_their_positions_and_never_their_thickness(tmp_path: Path) -> None:
    for name, thickness in (("thin", 1.0), ("thick", 20.0), ("none", None)):
        write_planes(tmp_path / name, VOLUME, SliceThickness=thickness, SpacingBetweenSlices=3.0)
        assert decode(tmp_path / name).spacing_mm[2] == pytest.approx(10.0, rel=1e-6)


def test_the_order_of_files_and_of_their_numbers_changes_nothing(tmp_path: Path) -> None:
    files = write_planes(tmp_path / "scan", VOLUME, InstanceNumber=lambda z: [3, 1, 4, 2][z])
    np.testing.assert_array_equal(read([files[2], files[0], files[3], files[1]]), VOLUME)


def test_one_plane_is_as_thick_as_it_says(tmp_path: Path) -> None:
    write_planes(tmp_path / "scan", VOLUME[:, :, :1])
    decoded = decode(tmp_path / "scan")
    assert decoded.array.shape == (6, 5, 1)
    assert decoded.spacing_mm == (1.5, 2.0, 8.0)
    for name, thickness in (("none", None), ("zero", 0.0)):
        write_planes(tmp_path / name, VOLUME[:, :, :1], SliceThickness=thickness)
        with pytest.raises(InputError, match=r"how thick its only plane is(.|\n)*no SliceThickness in 000\.dcm"):
            decode(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PixelSpacing": None}, "no PixelSpacing"),
        (
            {"PixelSpacing": None, "ImagerPixelSpacing": [1, 1]},
            "no PixelSpacing.*ImagerPixelSpacing is that of the det",
        ),
        ({"PixelSpacing": None, "NominalScannedPixelSpacing": [1, 1]}, "no PixelSpacing.*NominalScannedPixelSpacing"),
        ({"PixelSpacing": [0, 1]}, r"PixelSpacing of 0\\1 mm"),
        ({"PixelSpacing": [2.0]}, "PixelSpacing of 2, not 2 numbers"),
        ({"ImagePositionPatient": None, "SliceLocation": 3}, "no ImagePositionPatient.*SliceLocation and Instance"),
        ({"ImagePositionPatient": [1, 2]}, "ImagePositionPatient of 1.2, not 3 numbers"),
        ({"ImageOrientationPatient": None}, "no ImageOrientationPatient"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "no unit vectors at right angles"),
        ({"ImageOrientationPatient": [2, 0, 0, 0, 1, 0]}, "no unit vectors at right angles"),
        ({"RescaleSlope": 0}, "RescaleSlope of 0"),
        ({"SliceThickness": -8}, "SliceThickness of -8 mm"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "high values dark.*MONOCHROME1"),
        ({"ModalityLUTSequence": [pydicom.Dataset()]}, "by a table .ModalityLUTSequence"),
        ({"NumberOfFrames": 3}, "3 frames without PerFrameFunctionalGroupsSequence"),
        ({"HighBit": 13, "BitsStored": 12}, "other bits than the lowest"),
    ],
)
def test_a_series_that_lacks_what_its_volume_hangs_on_is_refused_by_attribute(tmp_path, changes, message) -> None:
    write_planes(tmp_path / "scan", VOLUME, **changes)
    with pytest.raises(InputError, match=message):
        decode(tmp_path / "scan")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PixelSpacing", b"1.5\\nan"),
        ("PixelSpacing", b"1,5\\1,5 "),
        ("ImageOrientationPatient", b"1\\0\\0\\0\\nan\\0"),
        ("ImagePositionPatient", b"1\\0\\inf "),
        ("RescaleSlope", b"much"),
    ],
)
def test_what_is_no_number_is_refused_by_attribute(tmp_path: Path, keyword: str, value: bytes) -> None:
    files = write_planes(tmp_path / "scan", VOLUME, **{keyword: ["7.25"] * 6 if keyword[5] == "O" else "7.25"})
    for path in files:
        data = pydicom.dcmread(path)
        data[keyword] = pydicom.dataelem.RawDataElement(data[keyword].tag, "DS", len(value), value, 0, False, True)
        data.save_as(path)
    with pytest.raises(InputError, match=keyword):
        decode(tmp_path / "scan")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"PixelSpacing": lambda z: [2, 1.5 if z else 1.6]},
            "differ in PixelSpacing(.|\n)*2 × 1.5 mm in 3 .001.dcm, …",
        ),
        ({"PatientID": lambda z: f"secret {z // 2}"}, "differ in PatientID(.|\n)*found:    2 "),
        ({"StudyInstanceUID": lambda z: f"1.2.{z // 2}"}, "differ in StudyInstanceUID"),
        ({"FrameOfReferenceUID": lambda z: f"1.2.{z // 2}"}, "differ in FrameOfReferenceUID"),
        ({"Modality": lambda z: ["MR", "MR", "CT", "CT"][z]}, "differ in Modality(.|\n)*MR in 2"),
        (
            {"ImageOrientationPatient": lambda z: list(OBLIQUE if z else AXIAL)},
            r"differ in ImageOrientationPatient(.|\n)*0.8\\0.6\\0.* in 3",
        ),
    ],
)
def test_planes_that_do_not_belong_together_are_refused_by_attribute(tmp_path, changes, message) -> None:
    write_planes(tmp_path / "scan", VOLUME, **changes)
    with pytest.raises(InputError, match=message) as caught:
        decode(tmp_path / "scan")
    assert "secret" not in str(caught.value)


def test_planes_of_another_size_are_refused(tmp_path: Path) -> None:
    write_planes(tmp_path / "scan", VOLUME)
    save(plane(VOLUME[:5, :, 3], ImagePositionPatient=at(30)), tmp_path / "scan" / "003.dcm")
    with pytest.raises(InputError, match=r"differ in Rows and Columns(.|\n)*5 × 6 in 3(.|\n)*5 × 5 in 1 \(003\.dcm\)"):
        decode(tmp_path / "scan")


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ([0, 10, 30, 40], "not evenly spaced(.|\n)*10 to 20 mm, the widest between 001.dcm and 002.dcm"),
        ([0, 10, 20, 30.2], "not evenly spaced"),
        ([0, 10, 20, 20], "not the same number of time frames(.|\n)*1 at .* mm, 1 at .* mm, 2 at"),
    ],
)
def test_planes_that_are_not_evenly_spaced_are_refused(tmp_path: Path, heights: list[float], message: str) -> None:
    write_planes(tmp_path / "scan", VOLUME, ImagePositionPatient=lambda z: at(heights[z]))
    with pytest.raises(InputError, match=message):
        decode(tmp_path / "scan")


def test_positions_that_are_rounded_are_even_enough(tmp_path: Path) -> None:
    heights = [0, 10.02, 19.97, 30]
    write_planes(tmp_path / "scan", VOLUME, ImagePositionPatient=lambda z: at(heights[z]))
    assert decode(tmp_path / "scan").spacing_mm[2] == pytest.approx(10.0, rel=1e-6)


def test_the_sheared_stack_of_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    write_planes(
        tmp_path / "scan",
        VOLUME,
        ImageOrientationPatient=list(AXIAL),
        ImagePositionPatient=lambda z: [0, 2 * z, 10 * z],
    )
    with pytest.raises(InputError, match=r"shifted sideways(.|\n)*003\.dcm lies 6 mm beside(.|\n)*tilted gantry"):
        decode(tmp_path / "scan")


def test_each_plane_has_its_own_rescale_and_sign(tmp_path: Path) -> None:
    stored = np.abs(VOLUME)
    write_planes(
        tmp_path / "scan",
        stored,
        RescaleSlope=lambda z: 1 + z / 4,
        RescaleIntercept=lambda z: -100 * z,
        PixelRepresentation=lambda z: z % 2,
    )
    z = np.arange(4)
    np.testing.assert_allclose(decode(tmp_path / "scan").array, stored * (1 + z / 4) - 100 * z, rtol=1e-6)


def test_bits_above_those_stored_are_no_part_of_a_value(tmp_path: Path) -> None:
    values = np.abs(VOLUME)
    content = lambda z: np.ascontiguousarray(values[:, :, z].T | 0x5000, "<i2").tobytes()  # noqa: E731 - once
    write_planes(tmp_path / "scan", values, BitsStored=12, HighBit=11, PixelRepresentation=0, PixelData=content)
    np.testing.assert_array_equal(decode(tmp_path / "scan").array, values)


def test_time_frames_of_one_series_become_a_fourth_axis(tmp_path: Path) -> None:
    files = write_cine(tmp_path / "scan", CINE)
    series = one_series(files[::-1])
    assert series.phases == 5
    decoded = decode_series(series, tmp_path)
    np.testing.assert_array_equal(decoded.array, CINE)
    assert decoded.spacing_mm == pytest.approx((1.5, 2.0, 10.0), rel=1e-6)


@pytest.mark.parametrize(
    "told",
    [
        {"TemporalPositionIdentifier": lambda z, t: t + 1},
        {"AcquisitionTime": lambda z, t: f"1012{z:02d}.{t}00000"},
        {"ContentTime": lambda z, t: f"1012{z:02d}.{t}00000", "AcquisitionTime": lambda z, t: "101200"},
        {"AcquisitionNumber": lambda z, t: t + 1},
        {},
    ],
    ids=["index", "acquisition", "content", "number", "instance"],
)
def test_time_frames_are_told_apart_by_whatever_tells_them(tmp_path: Path, told: dict) -> None:
    shuffled = (lambda z, t: z * 5 + (3 * t) % 5) if told else (lambda z, t: z * 5 + t)
    files = write_cine(tmp_path / "scan", CINE, TriggerTime=None, InstanceNumber=shuffled, **told)
    np.testing.assert_array_equal(read(files), CINE)


def test_a_series_a_slice_becomes_one_stack(tmp_path: Path) -> None:
    files = write_cine(tmp_path / "scan", CINE, series_a_slice=True)
    series = one_series(files)
    assert [name for _, name in series_names([series])] == ["SAX"]
    np.testing.assert_array_equal(decode_series(series, tmp_path).array, CINE)


def test_a_cine_that_is_not_whole_is_refused_with_what_was_found(tmp_path: Path) -> None:
    files = write_cine(tmp_path / "scan", CINE)
    files[7].unlink()
    with pytest.raises(InputError, match=r"not the same number of time frames(.|\n)*5 at .*, 4 at .*, 5 at"):
        decode(tmp_path / "scan")


def test_numbered_time_frames_that_differ_between_planes_are_refused(tmp_path: Path) -> None:
    numbers = lambda z, t: t + 1 + (z == 1 and t == 4)  # noqa: E731 - once
    write_cine(tmp_path / "scan", CINE, TemporalPositionIdentifier=numbers)
    with pytest.raises(InputError, match=r"not the same time frames(.|\n)*1, 2, 3, 4, 5 in (.|\n)*1, 2, 3, 4, 6 in"):
        decode(tmp_path / "scan")


@pytest.mark.parametrize("keyword", ["EchoTime", "ImageType", "DiffusionBValue"])
def test_images_of_a_plane_that_are_no_time_frames_are_refused_by_attribute(tmp_path: Path, keyword: str) -> None:
    values = {"ImageType": lambda z, t: ["ORIGINAL", "PRIMARY", "MP"[t % 2]]}.get(keyword, lambda z, t: 1.5 * t)
    write_cine(tmp_path / "scan", CINE, **{keyword: values})
    with pytest.raises(InputError, match=f"no time frames: they differ in {keyword}"):
        decode(tmp_path / "scan")


def test_images_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    write_cine(tmp_path / "scan", CINE, TriggerTime=None, InstanceNumber=1)
    with pytest.raises(InputError, match=r"nothing tells which belong together(.|\n)*15 images of 3 planes"):
        decode(tmp_path / "scan")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (3, 2, 1, 0)], ids=["plain", "interleaved", "reversed"])
def test_frames_of_one_file_are_ordered_by_their_positions(tmp_path: Path, order: tuple[int, ...]) -> None:
    save(enhanced(VOLUME[..., None], [(z, 0) for z in order]), tmp_path / "scan" / "a.dcm")
    decoded = decode(tmp_path / "scan")
    np.testing.assert_array_equal(decoded.array, VOLUME)
    assert decoded.spacing_mm == pytest.approx((1.5, 2.0, 10.0), rel=1e-6)


def test_a_gap_between_frames_of_one_file_is_refused(tmp_path: Path) -> None:
    save(enhanced(VOLUME[..., None], [(z, 0) for z in (0, 1, 3)]), tmp_path / "scan" / "a.dcm")
    with pytest.raises(InputError, match=r"not evenly spaced(.|\n)*between a\.dcm, frame 2 and a\.dcm, frame 3"):
        decode(tmp_path / "scan")


@pytest.mark.parametrize("by_index", [True, False])
def test_time_frames_of_one_file_become_a_fourth_axis(tmp_path: Path, by_index: bool) -> None:
    data = enhanced(CINE, [(z, t) for z in range(3) for t in range(5)])
    if not by_index:
        for groups in data.PerFrameFunctionalGroupsSequence:
            del groups.FrameContentSequence[0].TemporalPositionIndex
    save(data, tmp_path / "scan" / "a.dcm")
    np.testing.assert_array_equal(decode(tmp_path / "scan").array, CINE)


def test_each_frame_of_a_file_has_its_own_rescale(tmp_path: Path) -> None:
    data = enhanced(VOLUME[..., None], [(z, 0) for z in range(4)])
    for z, groups in enumerate(data.PerFrameFunctionalGroupsSequence):
        rescale = pydicom.Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = 1 + z, -z
        groups.PixelValueTransformationSequence = [rescale]
    save(data, tmp_path / "scan" / "a.dcm")
    z = np.arange(4)
    np.testing.assert_array_equal(decode(tmp_path / "scan").array, VOLUME * (1.0 + z) - z)


def test_frames_of_one_file_that_differ_in_spacing_are_refused(tmp_path: Path) -> None:
    data = enhanced(VOLUME[..., None], [(z, 0) for z in range(4)])
    measures = pydicom.Dataset()
    measures.PixelSpacing = [3.0, 3.0]
    data.PerFrameFunctionalGroupsSequence[2].PixelMeasuresSequence = [measures]
    save(data, tmp_path / "scan" / "a.dcm")
    with pytest.raises(InputError, match=r"differ in PixelSpacing(.|\n)*3 × 3 mm in 1 \(a\.dcm, frame 3\)"):
        decode(tmp_path / "scan")


def test_a_file_that_describes_other_frames_than_it_has_is_refused(tmp_path: Path) -> None:
    data = enhanced(VOLUME[..., None], [(z, 0) for z in range(4)], NumberOfFrames=2_000_000_000)
    save(data, tmp_path / "scan" / "a.dcm")
    with pytest.raises(InputError, match=r"describes 4 of 2e\+09 frames"):
        decode(tmp_path / "scan")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_the_transfer_syntax_changes_nothing(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    for path in write_planes(tmp_path / "scan", VOLUME, RescaleSlope=2, RescaleIntercept=-5):
        data = pydicom.dcmread(path)
        if syntax.is_compressed:
            data.compress(syntax, generate_instance_uid=False)
        elif not syntax.is_little_endian:
            data.PixelData = np.frombuffer(data.PixelData, "<i2").astype(">i2").tobytes()
            data.file_meta.TransferSyntaxUID = syntax
            data = big_endian(data)
        else:
            data.file_meta.TransferSyntaxUID = syntax
        data.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    np.testing.assert_array_equal(decode(tmp_path / "scan").array, VOLUME * 2.0 - 5)


def big_endian(data: pydicom.Dataset) -> pydicom.Dataset:
    """The same attributes, of which pydicom does not know in which order their bytes were read."""
    copy = pydicom.Dataset()
    copy.update({tag: data[tag] for tag in data.keys()})  # noqa: SIM118 - iterating gives elements
    copy.file_meta = data.file_meta
    return copy


def test_copies_of_a_file_are_left_aside_with_a_word(tmp_path: Path) -> None:
    files = write_planes(tmp_path / "scan", VOLUME)
    (tmp_path / "copy.dcm").write_bytes(files[1].read_bytes())
    (series,), (left,) = find_series([*files, tmp_path / "copy.dcm"])
    assert (left.files, left.is_problem) == ((tmp_path / "copy.dcm",), False)
    assert "copies" in left.reason
    np.testing.assert_array_equal(decode_series(series, tmp_path).array, VOLUME)


def test_localizers_colours_and_what_is_no_image_are_left_aside(tmp_path: Path) -> None:
    turned = [AXIAL, (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1), OBLIQUE]
    kinds = {
        "type": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        "turned": {"ImageOrientationPatient": lambda z: list(turned[z])},
        "colour": {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3},
        "report": {"Modality": "SR", "Rows": None},
    }
    files = [
        file
        for name, changes in kinds.items()
        for file in write_planes(tmp_path / name, VOLUME, SeriesInstanceUID=generate_uid(), **changes)
    ]
    series, aside = find_series(files)
    assert not series
    assert not any(left.is_problem for left in aside)
    told = {left.files[0].parent.name: left.reason for left in aside}
    assert told["type"] == "are localizers"
    assert "several orientations" in told["turned"]
    assert "1, 1, 1, 1" in told["turned"]
    assert "colour" in told["colour"]
    assert "no image" in told["report"]


def test_a_damaged_file_is_a_problem_and_takes_no_other_with_it(tmp_path: Path) -> None:
    files = write_planes(tmp_path / "scan", VOLUME)
    spoilt = {
        "empty.dcm": b"",
        "pointer.dcm": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "page.ima": b"<!DOCTYPE html>",
        "cut.dcm": files[0].read_bytes()[:500],
        "noise.dcm": bytes(128) + b"DICM" + np.random.default_rng(0).bytes(3000),
    }
    for name, content in spoilt.items():
        (tmp_path / name).write_bytes(content)
    (series,), aside = find_series([*files, *(tmp_path / name for name in spoilt)])
    assert {left.files[0].name for left in aside if left.is_problem} == set(spoilt)
    assert len(aside) == len(spoilt)
    np.testing.assert_array_equal(decode_series(series, tmp_path).array, VOLUME)


def test_values_that_are_cut_off_or_too_many_name_the_file(tmp_path: Path) -> None:
    for name, content in (("short", bytes(40)), ("long", bytes(600)), ("none", b"")):
        write_planes(tmp_path / name, VOLUME, PixelData=content)
        with pytest.raises(InputError, match=r"000\.dcm (is cut off|has 600 bytes of values where 60 are due)"):
            decode(tmp_path / name)


def test_a_file_that_was_exchanged_after_it_was_found_is_refused(tmp_path: Path) -> None:
    files = write_planes(tmp_path / "scan", VOLUME)
    series = one_series(files)
    save(plane(VOLUME[:4, :, 0]), files[2])
    with pytest.raises(InputError, match=r"002\.dcm has changed"):
        decode_series(series, tmp_path / "scan")


def test_names_of_series_are_file_names_whatever_letters_they_have(tmp_path: Path) -> None:
    described = "Herz: kürzeste/Achse?"
    files = write_planes(tmp_path / "a", VOLUME, SpecificCharacterSet="ISO_IR 100", SeriesDescription=described)
    files += write_planes(tmp_path / "b", VOLUME, SeriesDescription="", SeriesInstanceUID="1.9")
    series, _ = find_series(files)
    assert sorted(name for _, name in series_names(series)) == ["Herz__kürzeste_Achse", "series_5"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"PixelSpacing": [0.002, 0.0015]}, "PixelSpacing and ImagePositionPatient"),
        ({"ImagePositionPatient": lambda z: at(z * 60)}, "PixelSpacing and ImagePositionPatient"),
        ({"ImagePositionPatient": lambda z: at(z * 0.05)}, "PixelSpacing and ImagePositionPatient"),
    ],
)
def test_voxels_of_no_believable_size_are_refused_by_attribute(tmp_path: Path, changes: dict, found: str) -> None:
    write_planes(tmp_path / "scan", VOLUME, **changes)
    with pytest.raises(InputError, match=f"which cannot be(.|\n)*found:    {found}"):
        decode(tmp_path / "scan")
