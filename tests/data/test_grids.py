from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from medsize.data.case import Case
from medsize.data.formats import decode, read_grid
from medsize.data.grids import read_grids
from medsize.errors import InputError, InputErrors


def nifti(path: Path, shape: tuple[int, ...]) -> Path:
    nib.save(nib.Nifti1Image(np.ones(shape, np.float32), np.diag([1.5, 1.25, 8, 1])), path)
    return path


def test_the_grid_of_a_nifti_is_the_one_that_decoding_finds(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", (5, 6, 7))
    grid, decoded = read_grid(path), decode(path)
    assert (grid.shape, grid.spacing_mm) == ((5, 6, 7), (1.5, 1.25, 8))
    assert (grid.shape, grid.spacing_mm) == (decoded.array.shape, decoded.spacing_mm)


def test_the_grid_of_a_4d_file_counts_its_time_frames(tmp_path: Path) -> None:
    grid = read_grid(nifti(tmp_path / "a.nii", (5, 6, 7, 2)))
    assert (grid.shape, grid.frames) == ((5, 6, 7), 2)


def test_a_file_of_two_dimensions_has_no_grid(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.nii is not one volume(.|\n)*2 dimensions, shape \(5, 6\)"):
        read_grid(nifti(tmp_path / "a.nii", (5, 6)))


def test_the_grid_of_another_format_is_read_without_its_voxels(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.ones((7, 6, 5), np.float32))
    image.SetSpacing((1.5, 1.25, 8))
    SimpleITK.WriteImage(image, str(tmp_path / "a.mhd"))
    (tmp_path / "a.raw").unlink()
    grid = read_grid(tmp_path / "a.mhd")
    assert (grid.shape, grid.spacing_mm) == ((5, 6, 7), (1.5, 1.25, 8))


def test_all_files_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    (tmp_path / "bad.nii").write_bytes(b"no image")
    paths = [nifti(tmp_path / "a.nii.gz", (5, 6, 7)), tmp_path / "bad.nii", tmp_path / "absent.nii"]
    cases = [Case(id=path.name, group="", image=path) for path in paths]
    assert read_grids(cases[:1]).keys() == {"a.nii.gz"}
    with pytest.raises(InputErrors, match=r"bad.nii cannot be read(?s:.)*absent.nii: no such file"):
        read_grids(cases)
