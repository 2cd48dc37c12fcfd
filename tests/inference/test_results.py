from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK

from medsize.data.volumes import read_volume
from medsize.errors import InputErrors
from medsize.inference import predict
from medsize.inference.predict import Wanted, predict_files
from tests.data.dicoms import write_cine, write_planes
from tests.data.test_formats import write_dicom_series
from tests.inference.test_predict import heart

pytestmark = pytest.mark.usefixtures("intensity_network")


@pytest.fixture
def series(tmp_path: Path) -> Path:
    write_dicom_series(tmp_path / "scan", heart(), [16.0, 0.0, 8.0])
    for path in (tmp_path / "scan").iterdir():
        reader = SimpleITK.ReadImage(str(path))
        for tag, value in {"0020|0052": "1.2.9", "0018|0050": "8"}.items():  # a segmentation needs them
            reader.SetMetaData(tag, value)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(path))
        writer.Execute(reader)
    return tmp_path / "scan"


def expected(run, series: Path, folder: Path) -> np.ndarray:
    """The labels as NIfTI, which another test holds against the image."""
    predict_files(run, [series], folder, device="cpu", wanted=Wanted(into="nifti"))
    return read_volume(folder / "scan.nii.gz").array


def test_a_series_becomes_a_dicom_segmentation_where_it_lies(run_of_lv, series, tmp_path):
    table = predict_files(run_of_lv, [series], tmp_path / "out", device="cpu", wanted=Wanted(probabilities=True))
    labels = expected(run_of_lv, series, tmp_path / "nifti")
    segmentation = pydicom.dcmread(tmp_path / "out" / "scan.dcm")
    groups = segmentation.PerFrameFunctionalGroupsSequence
    heights = [float(group.PlanePositionSequence[0].ImagePositionPatient[2]) for group in groups]
    shown = np.flatnonzero(labels.any(axis=(0, 1)))  # planes without the structure are left out
    assert sorted(heights) == [8.0 * plane for plane in shown]
    for height, frame in zip(heights, segmentation.pixel_array, strict=True):
        np.testing.assert_array_equal(frame.T > 0, labels[:, :, round(height / 8)] > 0)
    assert pd.read_csv(table)["file"].to_list() == ["scan.dcm"]
    assert (tmp_path / "out" / "probabilities" / "scan_lv.nii.gz").is_file()
    assert (tmp_path / "out" / "pictures" / "scan.png").is_file()


def test_without_the_extra_a_series_becomes_nifti_and_it_is_said(run_of_lv, series, tmp_path, monkeypatch):
    monkeypatch.setattr(predict.importlib.util, "find_spec", lambda name: None)
    said = []
    predict_files(run_of_lv, [series], tmp_path / "out", device="cpu", say=said.append)
    assert (tmp_path / "out" / "scan.nii.gz").is_file()
    assert "pip install 'medsize[dicom]'" in said[0]


def test_a_nifti_does_not_become_a_dicom_segmentation(run_of_lv, tiny_acdc, tmp_path):
    folder = tiny_acdc / "training" / "patient001"
    with pytest.raises(InputErrors, match="cannot become DICOM segmentations"):
        predict_files(run_of_lv, [folder], tmp_path / "out", device="cpu", wanted=Wanted(into="dicom-seg"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("series_a_slice", [False, True])
def test_a_cine_becomes_a_nifti_of_all_its_time_frames_and_it_is_said(run_of_lv, series_a_slice, tmp_path):
    frames = np.stack([heart(), np.roll(heart(), 2, axis=0)], axis=-1)
    write_cine(tmp_path / "scan", frames, series_a_slice=series_a_slice)
    said = []
    table = predict_files(run_of_lv, [tmp_path / "scan"], tmp_path / "out", device="cpu", say=said.append)
    assert "time frames become NIfTI" in said[0]
    rows = pd.read_csv(table)
    assert rows["file"].to_list() == ["scan.nii.gz"] * 2
    assert rows["frame"].to_list() == [1, 2]
    labels = SimpleITK.ReadImage(str(tmp_path / "out" / "scan.nii.gz"))
    assert labels.GetSize() == (*heart().shape, 2)
    assert labels.GetSpacing()[:3] == pytest.approx((1.5, 2.0, 10.0), rel=1e-5)
    voxels = (SimpleITK.GetArrayFromImage(labels) > 0).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(rows["volume_ml"], voxels * 1.5 * 2.0 * 10.0 / 1000, rtol=1e-4)
    with pytest.raises(InputErrors, match="cannot become DICOM segmentations"):
        predict_files(run_of_lv, [tmp_path / "scan"], tmp_path / "seg", device="cpu", wanted=Wanted(into="dicom-seg"))


def test_one_bad_series_takes_no_other_with_it(run_of_lv, tmp_path):
    write_planes(tmp_path / "all" / "no_spacing", heart(), PixelSpacing=None, SeriesInstanceUID="1.1")
    write_planes(tmp_path / "all" / "no_position", heart(), ImagePositionPatient=None, SeriesInstanceUID="1.2")
    write_planes(tmp_path / "all" / "no_thickness", heart()[:, :, :1], SliceThickness=None, SeriesInstanceUID="1.3")
    write_planes(tmp_path / "all" / "good", heart(), SeriesInstanceUID="1.4", SeriesDescription="good")
    (tmp_path / "all" / "damaged.dcm").write_bytes(b"")
    with pytest.raises(InputErrors) as caught:
        predict_files(run_of_lv, [tmp_path / "all"], tmp_path / "out", device="cpu", wanted=Wanted(into="nifti"))
    told = str(caught.value)
    assert len(caught.value.errors) == 4
    for words in ("no PixelSpacing", "no ImagePositionPatient", "no SliceThickness", "damaged.dcm holds no DICOM"):
        assert words in told
    rows = pd.read_csv(tmp_path / "out" / "volumes.csv")
    assert rows["file"].to_list() == ["good.nii.gz"]
