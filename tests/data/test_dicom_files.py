import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medsize.data import dicom_files
from medsize.data.dicom_files import Damaged, has_dicom_name, is_dicom, read_dataset
from medsize.data.formats import decode
from tests.data.dicoms import plane, save, write_planes

VOLUME = np.random.default_rng(0).integers(-1000, 1000, (6, 5, 3)).astype(np.int16)


def without_preamble(path: Path, *, implicit: bool) -> None:
    data = pydicom.dcmread(path)
    bare = pydicom.Dataset()
    bare.update({tag: data[tag] for tag in data.keys()})  # noqa: SIM118 - iterating gives elements
    bare.save_as(path, implicit_vr=implicit, little_endian=True, enforce_file_format=False)


@pytest.mark.parametrize("implicit", [True, False])
def test_files_without_preamble_and_letters_are_dicom_too(tmp_path: Path, implicit: bool) -> None:
    for path in write_planes(tmp_path / "scan", VOLUME):
        without_preamble(path, implicit=implicit)
        assert path.read_bytes()[128:132] != b"DICM"
        assert is_dicom(path)
        path.rename(path.with_suffix(""))
    np.testing.assert_array_equal(decode(tmp_path / "scan").array, VOLUME)


def test_other_files_are_not_taken_for_dicom(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    contents = [
        b"",
        bytes(4096),
        b"\x08\x00\x05\x00" + bytes(4000),
        b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100" + bytes(4000),
        b"1.2.840.10008.1.2 stands in this text",
        b"\x7fELF" + rng.bytes(4000),
        *(b"\x08\x00" + rng.bytes(4094) for _ in range(50)),
        *(b"\x02\x00\x00\x00" + rng.bytes(4092) for _ in range(50)),
    ]
    for content in contents:
        (tmp_path / "file").write_bytes(content)
        assert not is_dicom(tmp_path / "file")
    assert not is_dicom(tmp_path)
    assert not is_dicom(tmp_path / "gone")


def test_names_of_dicom_are_told_in_any_case() -> None:
    assert has_dicom_name(Path("a/IM1.DCM"))
    assert has_dicom_name(Path("a/IM1.ima"))
    assert not has_dicom_name(Path("a/IM1"))


def test_a_deflated_file_is_read_and_one_that_unpacks_without_end_is_not(tmp_path: Path, monkeypatch) -> None:
    data = plane(VOLUME[:, :, 0])
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    path = save(data, tmp_path / "a.dcm")
    assert read_dataset(path).Rows == 5
    monkeypatch.setattr(dicom_files, "MOST_INFLATED_BYTES", 2**16)
    with path.open("ab") as file:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        head = path.read_bytes()[
            : 144 + int(pydicom.filereader.read_file_meta_info(path).FileMetaInformationGroupLength)
        ]
        file.truncate(0)
        file.write(head + packer.compress(bytes(2**22)) + packer.flush())
    with pytest.raises(Damaged, match="unpacks to more than"):
        read_dataset(path)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(plane(VOLUME[:, :, 0]), tmp_path / "a.dcm")

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pydicom, "dcmread", forbidden)
    with pytest.raises(Damaged, match="may not be read"):
        read_dataset(path)
