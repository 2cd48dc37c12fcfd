import numpy as np
import pytest
import SimpleITK

from medsize.data.detached import detached_files
from tests.data.niftis import grey_volume


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_the_voxels_of_a_header_lie_in_the_file_that_itk_writes_beside_it(tmp_path, name):
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(grey_volume()), str(tmp_path / name))
    (voxels,) = detached_files(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {name, voxels.name}


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_an_image_in_one_file_has_no_others(tmp_path, name):
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(grey_volume()), str(tmp_path / name))
    assert detached_files(tmp_path / name) == ()


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.mhd", "NDims = 3\nElementDataFile = LIST\n1.raw\n2.raw\ngone.raw\n"),
        ("a.mhd", "NDims = 3\nElementDataFile = %d.raw 1 2 1\n"),
        ("a.nhdr", "NRRD0004\ndata file: LIST 2\n1.raw\n2.raw\n"),
        ("a.nhdr", "NRRD0004\ndatafile: %01d.raw 1 2 1\n"),
    ],
)
def test_voxels_in_several_files_are_all_found(tmp_path, name, header):
    for number in (1, 2):
        np.zeros(4, np.uint8).tofile(tmp_path / f"{number}.raw")
    (tmp_path / name).write_text(header)
    assert detached_files(tmp_path / name) == (tmp_path / "1.raw", tmp_path / "2.raw")


@pytest.mark.parametrize("header", ["", "NDims = 3\n", "ElementDataFile =\n", "ElementDataFile = LOCAL\n"])
def test_a_header_that_names_no_file_has_none(tmp_path, header):
    (tmp_path / "a.mhd").write_text(header)
    assert detached_files(tmp_path / "a.mhd") == ()
    assert detached_files(tmp_path / "gone.mhd") == ()
