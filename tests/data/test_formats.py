import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis

from medsize.data.formats import decode, is_nifti
from medsize.errors import InputError
from tests.data.niftis import SHAPE, grey_volume, write_nifti

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def oblique_image(array: np.ndarray) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(array.T)
    image.SetSpacing((1.5, 2.0, 8.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    image.SetDirection(turn.ravel().tolist())
    return image


def write_dicom_series(folder: Path, array: np.ndarray, heights_mm: list[float], series: str = "1.2.3") -> None:
    folder.mkdir(exist_ok=True)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number, height in enumerate(heights_mm):
        plane = SimpleITK.GetImageFromArray(array[:, :, number].T)
        plane = SimpleITK.JoinSeries(plane)
        plane.SetSpacing((1.5, 2.0, 8.0))
        for tag, value in {
            "0008|0060": "MR",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4",
            "0008|0018": f"{series}.{number}",
            "0020|000d": "1.2",
            "0020|000e": series,
            "0020|0013": str(number),
            "0020|0032": f"5\\6\\{height}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }.items():
            plane.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{series}-{number}.dcm"))
        writer.Execute(plane)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd", ".nii.gz"])
def test_formats_agree_on_values_and_place(tmp_path: Path, suffix: str) -> None:
    array = grey_volume()
    image = oblique_image(array)
    SimpleITK.WriteImage(image, str(tmp_path / f"scan{suffix}"))
    decoded = decode(tmp_path / f"scan{suffix}")
    np.testing.assert_array_equal(decoded.array, array)
    assert decoded.array.dtype == np.float32
    assert decoded.spacing_mm == pytest.approx((1.5, 2.0, 8.0))
    for index in ((0, 0, 0), (3, 5, 2)):
        lps = [*image.TransformIndexToPhysicalPoint(index), 1.0]
        np.testing.assert_allclose(decoded.affine @ [*index, 1], LPS_TO_RAS @ lps, atol=1e-4)


def test_a_dicom_series_is_read_in_the_order_of_its_positions(tmp_path: Path) -> None:
    array = grey_volume()
    write_dicom_series(tmp_path / "scan", array[:, :, [2, 0, 1]], [16.0, 0.0, 8.0])
    decoded = decode(tmp_path / "scan")
    np.testing.assert_array_equal(decoded.array, array)
    assert decoded.spacing_mm == pytest.approx((1.5, 2.0, 8.0))
    np.testing.assert_allclose(decoded.affine @ [0, 0, 0, 1], [-5, -6, 0, 1], atol=1e-6)


def test_a_dicom_series_with_a_missing_plane_is_refused(tmp_path: Path) -> None:
    write_dicom_series(tmp_path / "scan", grey_volume(), [0.0, 8.0, 24.0])
    with pytest.raises(InputError, match=r"not evenly spaced(.|\n)*8 to 16 mm(.|\n)*missing files"):
        decode(tmp_path / "scan")


def test_a_folder_with_two_dicom_series_is_refused(tmp_path: Path) -> None:
    for series in ("1.2.3", "1.2.4"):
        write_dicom_series(tmp_path / "scan", grey_volume(), [0.0, 8.0, 16.0], series)
    with pytest.raises(InputError, match=r"2 series in 6 files(.|\n)*one folder a series"):
        decode(tmp_path / "scan")


def test_a_multi_frame_dicom_file_is_a_volume(tmp_path: Path) -> None:
    array = grey_volume().astype(np.uint16)
    SimpleITK.WriteImage(oblique_image(array), str(tmp_path / "scan.dcm"))
    decoded = decode(tmp_path)
    np.testing.assert_array_equal(decoded.array, array)
    assert decoded.spacing_mm == pytest.approx((1.5, 2.0, 8.0))


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    write_nifti(tmp_path / "scan.nii.gz", grey_volume())
    with pytest.raises(InputError, match="0 series in 1 files"):
        decode(tmp_path)


def test_nifti_spacing_is_the_headers_where_the_sform_differs(tmp_path: Path) -> None:
    decoded = decode(write_nifti(tmp_path / "acdc.nii.gz", grey_volume(), (1.5, 2.0, 10.0)))
    assert decoded.spacing_mm == (1.5, 2.0, 10.0)
    np.testing.assert_array_equal(decoded.affine, np.diag([-1, -1, 1, 1]))


def test_a_header_without_spacing_leaves_it_to_the_affine(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", grey_volume(), (1.0, 1.0, 1.0), affine=np.diag([-2.0, 2.0, 9.0, 1.0]))
    assert decode(path).spacing_mm == (2.0, 2.0, 9.0)


def test_stored_integers_are_rescaled_by_slope_and_intercept(tmp_path: Path) -> None:
    image = nib.Nifti1Image(grey_volume().astype(np.float32) / 8 - 3, np.eye(4))
    image.header.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "a.nii.gz")
    np.testing.assert_allclose(decode(tmp_path / "a.nii.gz").array, grey_volume() / 8 - 3, atol=0.01)


def test_nifti_is_told_by_its_name() -> None:
    assert is_nifti(Path("a.b.NII.GZ"))
    assert not is_nifti(Path("a.nii.txt"))


def truncated_gzip(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:800])


def damaged_gzip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[400:500] = bytes(100)
    path.write_bytes(content)


def not_gzip(path: Path) -> None:
    path.write_bytes(gzip.decompress(path.read_bytes()))


def wrong_magic(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[344:348] = b"oops"
    content[0:4] = bytes(4)
    path.write_bytes(gzip.compress(content))


def other_content(path: Path) -> None:
    path.write_text("this is no image")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def removed(path: Path) -> None:
    path.unlink()


def without_axes(path: Path) -> None:
    write_nifti(path, grey_volume(), affine=np.diag([1.0, 1.0, 0.0, 1.0]))


def without_numbers_in_the_affine(path: Path) -> None:
    write_nifti(path, grey_volume(), affine=np.diag([1.0, 1.0, np.nan, 1.0]))


def coloured(path: Path) -> None:
    colour = np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    nib.save(nib.Nifti1Image(colour, np.eye(4)), path)


def complex_valued(path: Path) -> None:
    nib.save(nib.Nifti1Image(grey_volume().astype(np.complex64), np.eye(4)), path)


def other_format(path: Path) -> None:
    nib.save(nib.MGHImage(grey_volume().astype(np.float32), np.eye(4)), path.with_name("a.mgz"))
    path.with_name("a.mgz").rename(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncated_gzip, "cannot be read(.|\n)*truncated"),
        (damaged_gzip, "cannot be read(.|\n)*found: "),
        (not_gzip, "cannot be read(.|\n)*found: "),
        (wrong_magic, "cannot be read(.|\n)*found: "),
        (other_content, "cannot be read(.|\n)*found: "),
        (other_format, "cannot be read(.|\n)*found: "),
        (emptied, "is empty(.|\n)*0 bytes"),
        (removed, "no such file"),
        (without_axes, "where its voxels are(.|\n)*three independent axes"),
        (without_numbers_in_the_affine, "where its voxels are"),
        (coloured, "not a grey image(.|\n)*one real number"),
        (complex_valued, "not a grey image(.|\n)*complex64"),
    ],
)
def test_a_nifti_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, spoil, message: str) -> None:
    path = write_nifti(tmp_path / "scan.nii.gz", grey_volume())
    spoil(path)
    with pytest.raises(InputError, match=message) as caught:
        decode(path)
    assert "scan.nii.gz" in caught.value.problem


def test_a_truncated_uncompressed_nifti_is_refused(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "scan.nii", grey_volume())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read"):
        decode(path)


def test_a_cifti_is_refused_though_its_name_ends_like_nifti(tmp_path: Path) -> None:
    axes = (ScalarAxis(["a"]), BrainModelAxis.from_mask(np.ones(4, bool), name="cortex_left"))
    nib.save(Cifti2Image(np.zeros((1, 4), np.float32), header=axes), tmp_path / "scan.nii")
    with pytest.raises(InputError, match="the content is CIFTI, not NIfTI"):
        decode(tmp_path / "scan.nii")


def test_a_damaged_nrrd_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "scan.nrrd").write_text("this is no image")
    with pytest.raises(InputError, match="cannot be read") as caught:
        decode(tmp_path / "scan.nrrd")
    assert len(str(caught.value).splitlines()) == 4


def test_a_coloured_metaimage_is_refused(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.zeros((3, 4, 5, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(image, str(tmp_path / "scan.mha"))
    with pytest.raises(InputError, match="vector of 8-bit"):
        decode(tmp_path / "scan.mha")


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "scan.dcm").write_bytes(b"x")
    with pytest.raises(InputError, match=r"expected: .nii, .nii.gz, .nrrd(.|\n)*name their folder"):
        decode(tmp_path / "scan.dcm")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_nifti(tmp_path / "scan.nii.gz", grey_volume())

    def forbidden(name: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr(gzip, "open", forbidden)
    with pytest.raises(InputError, match=r"may not be read(.|\n)*Permission denied"):
        decode(path)
