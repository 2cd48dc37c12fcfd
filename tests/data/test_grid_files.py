from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from medsize.data.grid_files import write_label
from medsize.data.volumes import Volume, read_label, read_volume
from medsize.errors import InputError
from tests.data.niftis import SHAPE, SPACING_MM, grey_volume, label_volume, write_nifti

ALLOWED = (1, 2, 3)


@pytest.fixture
def image(tmp_path: Path) -> Volume:
    return read_volume(write_nifti(tmp_path / "scan.nii.gz", grey_volume()))


def odd_header(dtype: type[np.generic], klass: type[nib.Nifti1Image], shape: tuple[int, ...]) -> nib.Nifti1Image:
    affine = np.array([[0, 2, 0, 5], [-1.5, 0, 0, -7], [0, 0, 9, 11], [0, 0, 0, 1.0]])
    image = klass(np.random.default_rng(0).integers(0, 99, shape).astype(dtype), affine)
    image.set_sform(affine, code=4)
    turned = affine.copy()
    turned[:3, 3] = 1, 2, 3
    image.set_qform(turned, code=1)
    image.header.set_xyzt_units("mm", "msec")
    image.header["cal_max"] = 80
    image.header["pixdim"][4] = 33
    return image


@pytest.mark.parametrize("klass", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 2), (*SHAPE, 1)])
def test_labels_are_written_on_exactly_the_grid_of_the_input(
    tmp_path: Path, klass: type[nib.Nifti1Image], shape: tuple[int, ...]
) -> None:
    image = odd_header(np.float32, klass, shape)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"name of the patient"))
    nib.save(image, tmp_path / "scan.nii.gz")
    labels = np.zeros(SHAPE if shape[3:] == (1,) else shape, np.int64)
    labels[3, 4, 1] = 254
    write_label(tmp_path / "out" / "label.nii.gz", labels, like=tmp_path / "scan.nii.gz")
    source, written = nib.load(tmp_path / "scan.nii.gz"), nib.load(tmp_path / "out" / "label.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels.reshape(shape))
    assert written.get_data_dtype() == np.uint8
    for field in ("dim", "pixdim", "sform_code", "qform_code", "xyzt_units", "srow_x", "srow_y", "srow_z", "magic"):
        np.testing.assert_array_equal(written.header[field], source.header[field], err_msg=field)
    for field in ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"):
        np.testing.assert_array_equal(written.header[field], source.header[field], err_msg=field)
    np.testing.assert_array_equal(written.affine, source.affine)
    assert written.header["cal_max"] == 0
    assert not written.header.extensions


def test_labels_of_acdc_keep_its_contradictory_header(tmp_path: Path, image: Volume) -> None:
    write_label(tmp_path / "label.nii.gz", label_volume(), like=image.path)
    label = read_label(tmp_path / "label.nii.gz", image, ALLOWED)
    np.testing.assert_array_equal(label.array, label_volume())
    assert label.spacing_mm == image.spacing_mm
    np.testing.assert_array_equal(label.affine, image.affine)


def test_labels_of_another_format_are_written_where_the_image_lies(tmp_path: Path) -> None:
    scan = SimpleITK.GetImageFromArray(grey_volume().T)
    scan.SetSpacing(SPACING_MM)
    scan.SetOrigin((5.0, 6.0, 7.0))
    SimpleITK.WriteImage(scan, str(tmp_path / "scan.nrrd"))
    write_label(tmp_path / "label.nii.gz", label_volume(), like=tmp_path / "scan.nrrd")
    read_label(tmp_path / "label.nii.gz", read_volume(tmp_path / "scan.nrrd"), ALLOWED)
    written = SimpleITK.ReadImage(str(tmp_path / "label.nii.gz"))
    np.testing.assert_allclose(written.GetOrigin(), scan.GetOrigin())
    np.testing.assert_allclose(written.GetDirection(), scan.GetDirection())
    assert nib.load(tmp_path / "label.nii.gz").header.get_xyzt_units()[0] == "mm"


def test_labels_of_another_shape_are_refused(tmp_path: Path, image: Volume) -> None:
    with pytest.raises(ValueError, match=r"shape \(20, 16, 3\), got \(16, 20, 3\)"):
        write_label(tmp_path / "label.nii.gz", label_volume().transpose(1, 0, 2), like=image.path)
    assert not (tmp_path / "label.nii.gz").exists()


def test_values_are_written_in_no_other_format(tmp_path: Path, image: Volume) -> None:
    with pytest.raises(InputError, match=r"a name ending in .nii, .nii.gz, .nrrd or .mha"):
        write_label(tmp_path / "label.jpg", label_volume(), like=image.path)


def test_labels_that_cannot_be_written_leave_nothing(tmp_path: Path, image: Volume) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        write_label(tmp_path / "file" / "label.nii.gz", label_volume(), like=image.path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "scan.nii.gz"]


def test_every_label_of_acdc_fits_its_image_and_is_written_back_unchanged(tmp_path: Path, real_acdc: Path) -> None:
    for number in (1, 90):
        folder = real_acdc / "training" / f"patient{number:03d}"
        for path in folder.glob("*_gt.nii.gz"):
            image = read_volume(path.with_name(path.name.replace("_gt", "")))
            label = read_label(path, image, ALLOWED)
            write_label(tmp_path / path.name, label.array, like=image.path)
            source, written = nib.load(path), nib.load(tmp_path / path.name)
            np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(source.dataobj))
            for field in ("dim", "pixdim", "sform_code", "qform_code", "srow_x", "srow_y", "srow_z"):
                np.testing.assert_array_equal(written.header[field], source.header[field], err_msg=field)
