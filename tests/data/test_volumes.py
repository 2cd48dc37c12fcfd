from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from medsize.data.volumes import Volume, read_frames, read_label, read_volume, write_label
from medsize.errors import InputError
from tests.data.niftis import SHAPE, SPACING_MM, grey_volume, label_volume, write_nifti

ALLOWED = (1, 2, 3)


@pytest.fixture
def image(tmp_path: Path) -> Volume:
    return read_volume(write_nifti(tmp_path / "scan.nii.gz", grey_volume()))


def test_a_volume_is_float32_with_its_spacing_and_place(image: Volume) -> None:
    np.testing.assert_array_equal(image.array, grey_volume())
    assert image.array.dtype == np.float32
    assert image.spacing_mm == SPACING_MM
    assert image.path.name == "scan.nii.gz"


def test_the_volume_of_a_voxel_follows_from_the_spacing_not_from_a_wrong_affine(image: Volume) -> None:
    assert image.voxel_ml == pytest.approx(1.5 * 2.0 * 10.0 / 1000)
    np.testing.assert_allclose(image.metric_affine, np.diag([-1.5, -2.0, 10.0, 1.0]))


def test_the_volume_of_a_voxel_of_a_sheared_grid_is_its_determinant() -> None:
    affine = np.array([[1, 0, 0, 0], [0, 1, 4, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]])
    assert Volume(np.zeros((1, 1, 1)), affine, (1.0, 1.0, 5.0), Path("a")).voxel_ml == pytest.approx(0.003)


def test_a_last_axis_of_one_frame_is_dropped(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", grey_volume()[..., None])
    np.testing.assert_array_equal(read_volume(path).array, grey_volume())


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (grey_volume()[:, :, 0], r"not one volume(.|\n)*2 dimensions, shape \(20, 16\)(.|\n)*into one file"),
        (grey_volume(shape=(20, 16, 3, 2)), r"4 dimensions(.|\n)*one file a time frame(.|\n)*medsize predict"),
        (np.where(label_volume() == 1, np.nan, 0.5).astype(np.float32), "54 of 960 voxels are NaN or infinite"),
        (np.where(label_volume() == 1, np.inf, 0.5).astype(np.float32), "54 of 960 voxels are NaN or infinite"),
        (np.full(SHAPE, 7, np.int16), "shows nothing(.|\n)*all 960 voxels are 7"),
    ],
    ids=["2-D", "4-D", "NaN", "infinite", "constant"],
)
def test_an_image_that_cannot_be_used_is_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_volume(write_nifti(tmp_path / "scan.nii.gz", array))


def test_frames_are_the_volumes_of_a_4d_file(tmp_path: Path) -> None:
    cine = np.stack([grey_volume(0), grey_volume(1)], axis=-1)
    frames = read_frames(write_nifti(tmp_path / "cine.nii.gz", cine))
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[1].array, grey_volume(1))
    assert frames[1].spacing_mm == SPACING_MM


def test_a_3d_file_has_one_frame(image: Volume) -> None:
    (frame,) = read_frames(image.path)
    np.testing.assert_array_equal(frame.array, image.array)


def test_a_frame_that_shows_nothing_is_named(tmp_path: Path) -> None:
    cine = np.stack([grey_volume(0), np.zeros(SHAPE, np.int16)], axis=-1)
    with pytest.raises(InputError, match=r"cine.nii.gz, time frame 1 \(counted from 0\) shows nothing"):
        read_frames(write_nifti(tmp_path / "cine.nii.gz", cine))


def test_a_label_is_uint8_on_the_grid_of_its_image(tmp_path: Path, image: Volume) -> None:
    path = write_nifti(tmp_path / "gt.nii.gz", label_volume().astype(np.float32))
    label = read_label(path, image, ALLOWED)
    np.testing.assert_array_equal(label.array, label_volume())
    assert label.array.dtype == np.uint8


@pytest.mark.parametrize(
    ("affine", "spacing"),
    [
        (np.diag([-1.0, -1.0, 1.0, 1.0]), (1.0, 1.0, 1.0)),  # the image's affine, its spacing forgotten
        (np.diag([-1.5, -2.0, 10.0, 1.0]), SPACING_MM),  # the image's spacing, the affine made to fit
        (np.diag([-1.0005, -1.0, 1.0, 1.0]), SPACING_MM),  # rounding
    ],
)
def test_a_label_written_by_other_software_on_the_same_grid_fits(
    tmp_path: Path, image: Volume, affine: np.ndarray, spacing: tuple[float, ...]
) -> None:
    path = write_nifti(tmp_path / "gt.nii.gz", label_volume(), spacing, affine)
    np.testing.assert_array_equal(read_label(path, image, ALLOWED).array, label_volume())


@pytest.mark.parametrize(
    ("array", "affine", "message"),
    [
        (label_volume()[:-1], None, r"does not fit its image(.|\n)*\(20, 16, 3\)(.|\n)*\(19, 16, 3\)"),
        (label_volume(), np.diag([1.0, -1.0, 1.0, 1.0]), "does not lie where its image lies(.|\n)*up to 2"),
        (label_volume() * 5, None, r"gt.nii.gz has label values(.|\n)*only 0, 1, 2, 3(.|\n)*found: +5, 10, 15"),
        (label_volume() / np.float32(2), None, "found: +0.5, 1.5"),
        (label_volume() * np.float32(np.nan), None, "found: +nan"),
        (np.arange(960).reshape(SHAPE).astype(np.int16), None, "found: +4, 5, 6, 7, 8, 9, 10, 11, …"),
        (-label_volume().astype(np.int16), None, "found: +-3, -2, -1"),
        (label_volume()[..., None].repeat(2, -1), None, "4 dimensions"),
    ],
    ids=["shape", "affine", "values", "fractions", "NaN", "many", "negative", "4-D"],
)
def test_a_label_that_cannot_be_used_is_refused(
    tmp_path: Path, image: Volume, array: np.ndarray, affine: np.ndarray | None, message: str
) -> None:
    spacing = SPACING_MM if affine is None else (1.5, 1.0, 1.0)
    path = write_nifti(tmp_path / "gt.nii.gz", array, spacing, affine)
    with pytest.raises(InputError, match=message):
        read_label(path, image, ALLOWED)


def test_a_label_without_an_image_is_read_as_it_is(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "scribble.nii.gz", label_volume() + 1)
    np.testing.assert_array_equal(read_label(path, None, (1, 2, 3, 4)).array, label_volume() + 1)


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


def test_labels_are_only_written_as_nifti(tmp_path: Path, image: Volume) -> None:
    with pytest.raises(InputError, match=r"a name ending in .nii or .nii.gz"):
        write_label(tmp_path / "label.nrrd", label_volume(), like=image.path)


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
