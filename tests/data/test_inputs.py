import errno
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK

from medsize.data import inputs
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


def test_a_zip_is_searched_when_it_is_unpacked_inside_the_folder_of_results(scratch, tmp_path):
    write_nifti(tmp_path / "in" / "p1" / "x.nii.gz", grey_volume())
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "in")
    output = tmp_path / "out"
    (output / ".partial-unpacked").mkdir(parents=True)
    found = find_images([tmp_path / "packed.zip"], output, output / ".partial-unpacked")
    assert names(found) == ["x"]
    assert found.images[0].path == tmp_path / "packed.zip" / "p1" / "x.nii.gz"


def test_what_is_wrong_with_an_image_in_a_zip_is_said_of_the_zip(scratch, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.nii.gz").write_bytes(b"no image")
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "in")
    (image,) = find_images([tmp_path / "packed.zip"], tmp_path / "out", scratch).images
    with pytest.raises(InputError, match=r"packed\.zip/x\.nii\.gz cannot be read") as caught:
        image.read()
    assert str(scratch) not in str(caught.value)


def test_a_folder_that_may_not_be_looked_into_is_a_problem_and_the_rest_is_found(scratch, tmp_path, monkeypatch):
    for name in ("a/x.nii", "closed/y.nii", "z.nii"):
        write_nifti(tmp_path / "in" / name, grey_volume())
    scandir = os.scandir

    def closed(path):
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = find_images([tmp_path / "in"], tmp_path / "out", scratch)
    assert [image.name for image in found.images] == ["x", "z"]
    (problem,) = found.problems
    assert str(problem).startswith(f"{tmp_path / 'in' / 'closed'} cannot be looked into\n  found:    Permission denied")


def test_what_may_not_be_read_and_what_is_not_searched_is_said(scratch, tmp_path, monkeypatch):
    write_nifti(tmp_path / "in" / "x.nii", grey_volume())
    (tmp_path / "in" / "IM0001").write_bytes(b"perhaps DICOM")
    (tmp_path / "in" / "more.zip").write_bytes(b"")
    (tmp_path / "in" / "link").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "IM0001")
    found = find_images([tmp_path / "in"], tmp_path / "out", scratch)
    assert names(found) == ["x"]
    shown = tmp_path / "in"
    assert found.aside == [
        f"left aside: {shown / 'link'}, a link to a folder",
        f"left aside: {shown / 'IM0001'}, which may not be read",
        f"left aside: {shown / 'more.zip'}, an archive in a folder; name it itself",
    ]


def test_whatever_is_raised_over_one_input_leaves_the_others(scratch, tmp_path, monkeypatch):
    write_nifti(tmp_path / "x.nii", grey_volume())
    (tmp_path / "a.zip").write_bytes(b"")
    monkeypatch.setattr(inputs, "unpack", lambda path, folder: 1 / 0)
    given = [tmp_path / "a.zip", tmp_path / ("n" * 300), tmp_path / "**x", tmp_path / "x.nii"]
    found = find_images(given, tmp_path / "out", scratch)
    assert [image.name for image in found.images] == ["x"]
    assert [str(path) in str(problem) for path, problem in zip(given[:3], found.problems, strict=True)] == [True] * 3


def test_series_that_break_the_sorting_leave_the_images_beside_them(scratch, tree, tmp_path, monkeypatch):
    write_nifti(tree / "x.nii", grey_volume())
    loose = next((tree / "p1").glob("*.dcm"))
    monkeypatch.setattr(inputs, "find_series", lambda files: 1 / 0 if files else ([], []))
    found = find_images([tree, loose], tmp_path / "out", scratch)
    assert [image.name for image in found.images] == ["x"]
    assert [str(problem).split("\n")[0] for problem in found.problems] == [
        f"{tree} cannot be searched for images",
        f"{loose} cannot be searched for images",
    ]


def test_an_image_names_all_the_files_that_are_read_of_it(scratch, tree, tmp_path):
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(grey_volume()), str(tmp_path / "x.mhd"))
    images = find_images([tmp_path / "x.mhd", tree / "p2"], tmp_path / "out", scratch).images
    assert images[0].files == (tmp_path / "x.mhd", tmp_path / "x.raw")
    assert sorted(images[1].files) == sorted((tree / "p2").iterdir())


@pytest.mark.parametrize(
    ("names_inside", "words"),
    [
        (["a.nii.gz", "b/c.nrrd"], "2 of the images in {} are empty\n  found:    a.nii.gz, b/c.nrrd\n"),
        (["a.txt", "b"], "there is no image in {}\n"),
    ],
)
def test_empty_files_of_an_archive_are_counted_and_not_unpacked(scratch, tmp_path, names_inside, words):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for name in names_inside:
            made.writestr(name, b"")
    found = find_images([tmp_path / "a.zip"], tmp_path / "out", scratch)
    (problem,) = found.problems
    assert str(problem).startswith(words.format(tmp_path / "a.zip"))
    assert "0 other files and 2 empty ones" in str(problem) or "the images" in words
    assert list(scratch.rglob("*")) == [scratch / "0"]


def test_an_image_that_is_named_twice_or_by_a_link_is_one(scratch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_nifti(tmp_path / "in" / "x.nii", grey_volume())
    (tmp_path / "y.nii").symlink_to(tmp_path / "in" / "x.nii")
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "in")
    given = [tmp_path / "in", Path("in/../in/x.nii"), Path("in"), tmp_path / "y.nii", *[Path("packed.zip")] * 2]
    found = find_images(given, tmp_path / "out", scratch)
    assert [image.path for image in found.images] == [Path("y.nii").absolute(), Path("packed.zip/x.nii")]
