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
