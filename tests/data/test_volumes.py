import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.data.volumes import MisplacedError, Volume, lie_alike, read_frames, read_label, read_volume
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


@pytest.mark.parametrize("spacing", [SPACING_MM, (1.0, 1.0, 1.0)])
def test_a_label_has_the_spacing_of_its_image(tmp_path: Path, image: Volume, spacing: tuple[float, ...]) -> None:
    label = read_label(write_nifti(tmp_path / "gt.nii.gz", label_volume(), spacing), image, ALLOWED)
    assert label.voxel_ml == image.voxel_ml
    assert label.path.name == "gt.nii.gz"


@pytest.mark.parametrize("off", [1e-7, -1e-7, 5e-4, -5e-4])
def test_labels_a_little_off_whole_numbers_are_those(tmp_path: Path, image: Volume, off: float) -> None:
    near = label_volume() + np.float32(off)
    label = read_label(write_nifti(tmp_path / "gt.nii.gz", near.astype(np.float32)), image, ALLOWED)
    np.testing.assert_array_equal(label.array, label_volume())


@pytest.mark.parametrize(
    ("value", "shown"),
    [(2.998, "2.998"), (3.0021, "3.0021"), (-1, "-1"), (-0.5, "-0.5"), (256, "256"), (300, "300"), (1e30, "1e+30")],
)
def test_a_label_value_that_means_nothing_is_shown_as_it_is(
    tmp_path: Path, image: Volume, value: float, shown: str
) -> None:
    wrong = label_volume().astype(np.float32)
    wrong[0, 0, 0] = value
    with pytest.raises(InputError, match=rf"found: +{re.escape(shown)}\n") as caught:
        read_label(write_nifti(tmp_path / "gt.nii.gz", wrong), image, ALLOWED)
    assert "only 0, 1, 2, 3" in str(caught.value)


def test_labels_stored_as_fractions_of_a_slope_are_whole_numbers(tmp_path: Path, image: Volume) -> None:
    label = nib.Nifti1Image(label_volume().astype(np.float64), image.affine)
    label.header.set_data_dtype(np.uint8)  # nibabel stores 0, 85, 170, 255 with a slope of 3/255
    nib.save(label, tmp_path / "gt.nii")
    np.testing.assert_array_equal(read_label(tmp_path / "gt.nii", image, ALLOWED).array, label_volume())


def test_images_of_one_shape_and_place_lie_alike(tmp_path: Path, image: Volume) -> None:
    same = read_volume(write_nifti(tmp_path / "same.nii", grey_volume(1)))
    moved = read_volume(write_nifti(tmp_path / "moved.nii", grey_volume(), affine=np.diag([1.0, -1.0, 1.0, 1.0])))
    smaller = read_volume(write_nifti(tmp_path / "smaller.nii", grey_volume()[1:]))
    assert lie_alike(image, same)
    assert not lie_alike(image, moved)
    assert not lie_alike(image, smaller)


def test_a_misplaced_label_is_refused_with_both_affines(tmp_path: Path, image: Volume) -> None:
    path = write_nifti(tmp_path / "gt.nii.gz", label_volume(), affine=np.diag([1.0, -1.0, 1.0, 1.0]))
    with pytest.raises(MisplacedError) as caught:
        read_label(path, image, ALLOWED)
    assert "[[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0]] with voxels of 1.5 × 2 × 10 mm" in str(caught.value)
    assert "[[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0]] with voxels of 1.5 × 2 × 10 mm" in str(caught.value)


def test_images_beyond_float32_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not finite as float32"):
        read_volume(write_nifti(tmp_path / "a.nii", grey_volume() * 1e300))
    wide = np.where(label_volume() > 0, 3e38, -3e38).astype(np.float32)
    with pytest.raises(InputError, match="whose range is not finite as float32"):
        read_volume(write_nifti(tmp_path / "a.nii", wide))


@pytest.mark.parametrize("error", [MemoryError(), MemoryError("1 GB"), KeyError("x"), ZeroDivisionError()])
def test_whatever_a_decoder_raises_is_the_fault_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = write_nifti(tmp_path / "a.nii", grey_volume())

    def fail(path: Path) -> None:
        raise error

    monkeypatch.setattr("medsize.data.volumes.decode", fail)
    for read in (read_volume, read_frames, lambda path: read_label(path, None, ALLOWED)):
        with pytest.raises(InputError, match=r"a.nii (cannot be read|needs more memory than there is)"):
            read(path)


def test_a_label_without_an_image_is_read_as_it_is(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "scribble.nii.gz", label_volume() + 1)
    np.testing.assert_array_equal(read_label(path, None, (1, 2, 3, 4)).array, label_volume() + 1)
