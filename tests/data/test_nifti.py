import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from medsize.data import bounds
from medsize.data.grid_files import write_label
from medsize.data.volumes import read_frames, read_label, read_volume
from medsize.errors import InputError
from tests.data.raw_headers import GEOMETRY, nifti_bytes, nifti_fields, save

VALUES = np.arange(60, dtype="i2").reshape(3, 4, 5)
PLACED = {"pixdim": [1.0, 1.5, 2.0, 8.0, 1.0, 1.0, 1.0, 1.0], "qform_code": 1}


def dims(*sizes: int) -> dict[str, object]:
    return {"dim": [len(sizes), *sizes, *[1] * (7 - len(sizes))]}


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize(("version", "order"), [(1, "<"), (1, ">"), (2, "<"), (2, ">")])
def test_every_type_version_and_order_of_bytes_is_read(tmp_path: Path, kind: str, version: int, order: str) -> None:
    path = save(tmp_path / "scan.nii.gz", nifti_bytes(VALUES.astype(kind), version, order, **PLACED))
    np.testing.assert_array_equal(read_volume(path).array, VALUES)


def test_large_integers_are_rescaled_before_they_are_rounded_to_float32(tmp_path: Path) -> None:
    values = VALUES.astype("i4") + 1_000_000_000
    path = save(tmp_path / "scan.nii", nifti_bytes(values, scl_slope=1.0, scl_inter=-1e9, **PLACED))
    np.testing.assert_array_equal(read_volume(path).array, VALUES)


@pytest.mark.parametrize("slope", [0.0, math.nan, math.inf])
def test_a_slope_that_means_nothing_rescales_nothing(tmp_path: Path, slope: float) -> None:
    path = save(tmp_path / "scan.nii", nifti_bytes(VALUES, scl_slope=slope, scl_inter=5.0, **PLACED))
    np.testing.assert_array_equal(read_volume(path).array, VALUES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (nifti_bytes(VALUES, **PLACED, **dims(30000, 30000, 3000)), "5,400,000,000,000 bytes(.|\n)*truncated"),
        (nifti_bytes(VALUES, **PLACED, **dims(-3, 4, 5)), "announces -3 × 4 × 5 voxels(.|\n)*at least one"),
        (nifti_bytes(VALUES, **PLACED, **dims(0, 4, 5)), "announces 0 × 4 × 5 voxels"),
        (nifti_bytes(VALUES, 2, **PLACED, **dims(2**40, 2**40, 2**40)), "at most 5,000 planes"),
        (nifti_bytes(np.ones((1, 1, 30000), "i2"), **PLACED), "30,000 planes, 1 time frames"),
        (nifti_bytes(np.ones((2, 2, 1, 30000), "i2"), **PLACED), "1 planes, 30,000 time frames"),
        (nifti_bytes(VALUES, **PLACED, dim=[9, 3, 4, 5, 1, 1, 1, 1]), r"dim\[0\], the number of dimensions, is 9"),
        (nifti_bytes(VALUES, **PLACED, vox_offset=1e30), "vox_offset, where the voxels begin, is 1e"),
        (nifti_bytes(VALUES, **PLACED, vox_offset=math.nan), "vox_offset, where the voxels begin, is nan"),
        (nifti_bytes(VALUES, **PLACED, datatype=1), "not a grey image"),
        (nifti_bytes(VALUES, **PLACED, datatype=777), "datatype 777 is not known"),
        (nifti_bytes(VALUES, **PLACED, magic=b"ni1\0"), "not NIfTI in one file"),
        (nifti_bytes(VALUES, **PLACED, scl_slope=1.0, scl_inter=math.nan), "cannot be read"),
        (nifti_bytes(VALUES, **PLACED)[:200], "ends too early"),
        (nifti_bytes(VALUES, **PLACED)[:-10], "110 bytes at most"),
    ],
)
def test_a_header_that_cannot_be_right_is_refused_before_the_voxels_are_read(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_frames(save(tmp_path / "scan.nii", content))


def test_a_file_without_an_offset_has_its_voxels_behind_the_header(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.nii", nifti_bytes(VALUES, **PLACED, vox_offset=0))
    np.testing.assert_array_equal(read_volume(path).array, VALUES)


def test_extensions_are_passed_over(tmp_path: Path) -> None:
    content = bytearray(nifti_bytes(VALUES, **PLACED, vox_offset=352 + 4096))
    content[352:352] = bytes(4096)
    np.testing.assert_array_equal(read_volume(save(tmp_path / "scan.nii.gz", bytes(content))).array, VALUES)


def test_voxels_that_end_before_the_header_says_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.nii.gz", nifti_bytes(VALUES, **PLACED)[:-10])
    with pytest.raises(InputError, match="the data ends too early: the file is truncated"):
        read_volume(path)
    path = save(tmp_path / "scan.nii.gz", nifti_bytes(VALUES, **PLACED, vox_offset=1000)[:400])
    with pytest.raises(InputError, match="the data ends too early: the file is truncated"):
        read_volume(path)


def test_a_gzip_that_unpacks_to_more_than_its_header_announces_is_refused(tmp_path: Path) -> None:
    content = nifti_bytes(VALUES, **PLACED)
    padded = save(tmp_path / "padded.nii.gz", content + bytes(1000))
    np.testing.assert_array_equal(read_volume(padded).array, VALUES)
    bomb = save(tmp_path / "bomb.nii.gz", content + bytes(1 << 21))
    with pytest.raises(InputError, match=r"bomb.nii.gz unpacks to more than its header announces"):
        read_volume(bomb)


def test_an_image_that_needs_more_memory_than_there_is_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "scan.nii", nifti_bytes(VALUES, **PLACED))

    class Little:
        available = 100

    monkeypatch.setattr(bounds.psutil, "virtual_memory", Little)
    with pytest.raises(InputError, match="announces 3 × 4 × 5 voxels, more than fit into memory"):
        read_volume(path)


@pytest.mark.parametrize("version", [1, 2])
def test_no_text_of_the_input_goes_into_what_is_written(tmp_path: Path, version: int) -> None:
    texts = {"descrip": b"Doe^Jo", "aux_file": b"Doe", "db_name": b"Doe", "intent_name": b"Doe", "data_type": b"Doe"}
    content = nifti_bytes(VALUES, version, **PLACED, xyzt_units=2, **texts, intent_code=1002)
    source = save(tmp_path / "scan.nii", content)
    write_label(tmp_path / "label.nii", VALUES % 2, like=source)
    assert b"Doe" in source.read_bytes()
    assert b"Doe" not in (tmp_path / "label.nii").read_bytes()
    before, after = nifti_fields(source), nifti_fields(tmp_path / "label.nii")
    assert {name: after[name] for name in GEOMETRY} == {name: before[name] for name in GEOMETRY}
    assert (after["intent_code"], after["datatype"]) == (0, 2)


@pytest.mark.parametrize(("unit", "factor"), [(1, 1e-3), (3, 1e3)])
def test_labels_of_an_image_in_another_unit_keep_it_and_other_formats_have_mm(
    tmp_path: Path, unit: int, factor: float
) -> None:
    pixdim = [1.0, 1.5 * factor, 2 * factor, 8 * factor, 1.0, 1.0, 1.0, 1.0]
    content = nifti_bytes(VALUES, pixdim=pixdim, xyzt_units=unit, qform_code=1, qoffset=[5 * factor, 0, 0])
    image = read_volume(save(tmp_path / "scan.nii", content))
    for name in ("label.nii.gz", "label.nrrd", "label.mha"):
        write_label(tmp_path / name, VALUES % 2, like=image.path)
        np.testing.assert_array_equal(read_label(tmp_path / name, image, (1,)).array, VALUES % 2)
        assert read_label(tmp_path / name, None, (1,)).voxel_ml == pytest.approx(0.024)
    assert nifti_fields(tmp_path / "label.nii.gz")["xyzt_units"] == unit
    assert nifti_fields(tmp_path / "label.nii.gz")["pixdim"] == nifti_fields(image.path)["pixdim"]


def test_what_is_written_twice_is_the_same(tmp_path: Path) -> None:
    source = save(tmp_path / "scan.nii", nifti_bytes(VALUES, **PLACED))
    for name in ("a.nii.gz", "b.nii.gz"):
        write_label(tmp_path / name, VALUES % 2, like=source)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert len(gzip.decompress((tmp_path / "a.nii.gz").read_bytes())) == 352 + VALUES.size
