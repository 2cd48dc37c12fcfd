import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK

from medsize.data.inputs import find_images
from medsize.errors import InputError
from tests.data.niftis import SHAPE, grey_volume, write_nifti
from tests.data.test_formats import write_dicom_series


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two series of one patient in one folder, one of another beside it, and what is no volume."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for number, series, place in ((1, "1.2.1", "p1"), (2, "1.2.2", "p1"), (1, "1.2.3", "p2")):
        write_dicom_series(folder / place, grey_volume(number), [16.0, 0.0, 8.0], series)
    write_dicom_series(folder / "p1", grey_volume(), [0.0, 8.0, 16.0], "1.2.9")
    described = {"1.2.1": ("cine sax", "4"), "1.2.2": ("cine sax", "5"), "1.2.3": ("cine sax", "4"), "1.2.9": ("", "1")}
    for path in folder.rglob("*.dcm"):
        data = pydicom.dcmread(path)
        data.SeriesDescription, data.SeriesNumber = described[data.SeriesInstanceUID]
        if data.SeriesInstanceUID == "1.2.9":
            data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        data.save_as(path)
    report = pydicom.dcmread(next(folder.rglob("*.dcm")))
    report.SeriesInstanceUID, report.Modality = "1.2.8", "SEG"
    report.save_as(folder / "p1" / "seg.dcm")
    (folder / "p1" / "notes.txt").write_text("no image")
    return folder


def names(found) -> list[str]:
    assert not found.problems
    return [image.name for image in found.images]


def test_every_series_of_a_tree_is_an_image_and_the_rest_is_left_aside(tree, scratch, tmp_path):
    found = find_images([tree], tmp_path / "out", scratch)
    assert names(found) == ["cine_sax_4", "cine_sax_5", "cine_sax"]
    assert [image.folder.name for image in found.images] == ["p1", "p1", "p2"]
    assert any("localizers" in said and "and 2 more" in said for said in found.aside)
    assert any("are SEG, not images" in said for said in found.aside)
    for image, seed in zip(found.images, (1, 2, 1), strict=True):
        (volume,) = image.read()
        np.testing.assert_array_equal(volume.array, grey_volume(seed)[:, :, [1, 2, 0]])


def test_a_zip_is_as_its_content_and_is_unpacked_into_the_scratch_folder_only(tree, scratch, tmp_path):
    shutil.make_archive(str(tmp_path / "export"), "zip", tree)
    whole = find_images([tree], tmp_path / "out", scratch)
    zipped = find_images([tmp_path / "export.zip"], tmp_path / "out", scratch)
    assert names(zipped) == names(whole)
    assert len(zipped.aside) == len(whole.aside)
    for image, expected in zip(zipped.images, whole.images, strict=True):
        assert str(image.path).startswith(str(tmp_path / "export.zip"))
        np.testing.assert_array_equal(image.read()[0].array, expected.read()[0].array)
    assert {path.name for path in tmp_path.iterdir()} == {"export.zip", "scratch", "tree"}


def test_a_folder_or_zip_of_one_series_gives_it_its_name(scratch, tmp_path):
    write_dicom_series(tmp_path / "scan", grey_volume(), [0.0, 8.0, 16.0])
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "scan")
    found = find_images([tmp_path / "scan", tmp_path / "packed.zip"], tmp_path / "out", scratch)
    assert names(found) == ["scan", "packed"]
    assert [image.kind for image in found.images] == ["dicom", "dicom"]


def test_dicom_files_named_one_by_one_are_sorted_into_series(scratch, tmp_path):
    write_dicom_series(tmp_path / "scan", grey_volume(), [0.0, 8.0, 16.0])
    found = find_images(sorted((tmp_path / "scan").iterdir()), tmp_path / "out", scratch)
    assert names(found) == ["series_1"]
    np.testing.assert_array_equal(found.images[0].read()[0].array, grey_volume())


def test_a_multi_frame_file_is_a_volume_of_its_own(scratch, tmp_path):
    (tmp_path / "scan").mkdir()
    for name in "ab":
        image = SimpleITK.GetImageFromArray(grey_volume().T.astype(np.uint16))
        image.SetMetaData("0020|000e", "1.2.3")
        SimpleITK.WriteImage(image, str(tmp_path / "scan" / f"{name}.dcm"))
    found = find_images([tmp_path / "scan"], tmp_path / "out", scratch)
    assert [image.read()[0].array.shape for image in found.images] == [SHAPE, SHAPE]


def test_a_folder_stands_for_the_images_in_and_below_it(scratch, tmp_path):
    for name in ("b/x.nii.gz", "a.nii", "out/earlier.nii", "x_gt.nii.gz", ".hidden.nii", ".h/y.nii"):
        write_nifti(tmp_path / "in" / name, grey_volume())
    found = find_images([tmp_path / "in", tmp_path / "in" / "a.nii"], tmp_path / "in" / "out", scratch)
    assert names(found) == ["a", "x"]


@pytest.mark.parametrize("pattern", ["in/*.nii.gz", "in/**/*.nii.gz"])
def test_a_pattern_that_the_shell_left_is_matched(scratch, tmp_path, monkeypatch, pattern):
    for name in ("x.nii.gz", "b/y.nii.gz", "z.nii"):
        write_nifti(tmp_path / "in" / name, grey_volume())
    monkeypatch.chdir(tmp_path)
    expected = ["x"] if "**" not in pattern else ["x", "y"]
    for given in (Path(pattern), tmp_path / pattern):
        assert sorted(names(find_images([given], tmp_path / "out", scratch))) == expected


def test_inputs_that_cannot_be_used_are_all_listed(scratch, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "a.zip").write_text("")
    inputs = [tmp_path / name for name in ("gone.nii", "*.nii", "empty", "a.txt", "a.zip")]
    found = find_images(inputs, tmp_path / "out", scratch)
    for problem, words in zip(
        found.problems, ("no such", "no such", "no image in", "not known", "cannot be unpacked"), strict=True
    ):
        assert isinstance(problem, InputError)
        assert words in str(problem)
