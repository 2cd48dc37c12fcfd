from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from medsize.data import dicom_pixels
from medsize.data.dicom_files import Damaged
from medsize.data.dicom_pixels import stored_values
from tests.data.dicoms import enhanced, plane, save

VALUES = np.random.default_rng(0).integers(-1000, 1000, (16, 12)).astype(np.int16)


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG", "JPEGLS"])
def test_compressed_values_are_those_stored_and_not_rescaled(tmp_path: Path, compressor: str) -> None:
    image = SimpleITK.GetImageFromArray(VALUES.T[None])
    io = SimpleITK.ImageFileWriter()
    io.SetFileName(str(tmp_path / "a.dcm"))
    io.SetUseCompression(True)
    io.SetCompressor(compressor)
    io.Execute(image)
    data = pydicom.dcmread(tmp_path / "a.dcm")
    assert data.file_meta.TransferSyntaxUID.is_encapsulated
    data.RescaleSlope, data.RescaleIntercept = "2", "7"
    data.save_as(tmp_path / "a.dcm")
    np.testing.assert_array_equal(stored_values(tmp_path / "a.dcm"), VALUES.T[None])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32])
def test_values_of_every_kind_are_read(tmp_path: Path, dtype: type) -> None:
    values = np.arange(-96, 96).reshape(16, 12).astype(dtype)
    bits = values.itemsize * 8
    data = plane(
        VALUES,
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(np.issubdtype(dtype, np.signedinteger)),
        PixelData=values.T.tobytes(),
    )
    np.testing.assert_array_equal(stored_values(save(data, tmp_path / "a.dcm"))[0], values.T)


def test_floating_values_are_read(tmp_path: Path) -> None:
    data = plane(VALUES, PixelData=None, BitsAllocated=32, BitsStored=None, HighBit=None, PixelRepresentation=None)
    data.FloatPixelData = (VALUES.T / np.float32(3)).astype("<f4").tobytes()
    np.testing.assert_allclose(stored_values(save(data, tmp_path / "a.dcm"))[0], VALUES.T / 3, rtol=1e-6)


def test_all_frames_of_a_file_are_read(tmp_path: Path) -> None:
    data = enhanced(np.stack([VALUES, VALUES + 1], -1)[..., None], [(1, 0), (0, 0)])
    np.testing.assert_array_equal(stored_values(save(data, tmp_path / "a.dcm")), [VALUES.T + 1, VALUES.T])


def test_what_unpacks_to_far_more_than_an_image_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    for syntax in (RLELossless, JPEG2000Lossless):
        data = plane(VALUES, Rows=60_000, Columns=60_000)
        data.file_meta.TransferSyntaxUID = syntax
        data.PixelData = encapsulate([bytes(1000)])
        data["PixelData"].is_undefined_length = True
        with pytest.raises(Damaged, match="as a bomb does"):
            stored_values(save(data, tmp_path / "a.dcm"))


def test_damaged_compression_is_said(tmp_path: Path) -> None:
    for syntax in (RLELossless, JPEG2000Lossless, JPEGLosslessSV1):
        data = plane(VALUES)
        data.file_meta.TransferSyntaxUID = syntax
        data.PixelData = encapsulate([np.random.default_rng(0).bytes(400)])
        data["PixelData"].is_undefined_length = True
        with pytest.raises(Damaged, match=r"cannot be read|has .* values"):
            stored_values(save(data, tmp_path / "a.dcm"))


def test_values_of_another_number_than_the_attributes_say_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(dicom_pixels, "_by_gdcm", lambda dataset: np.zeros((1, 3, 3)))
    data = plane(VALUES)
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.PixelData = encapsulate([bytes(100)])
    data["PixelData"].is_undefined_length = True
    with pytest.raises(Damaged, match="has 9 values, not 1 × 12 × 16"):
        stored_values(save(data, tmp_path / "a.dcm"))
