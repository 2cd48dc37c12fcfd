import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from medsize.data.volumes import read_volume
from medsize.errors import InputError, InputErrors
from medsize.inference.load import Predictor
from medsize.inference.options import PredictionOptions
from medsize.inference.predict import predict_files
from tests.conftest import tiny_heart

pytestmark = pytest.mark.usefixtures("intensity_network")

OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix() * [1.4, 1.4, 8.0]
OBLIQUE[:3, 3] = 40.5, -12.25, 7.125
STRAIGHT = np.diag([1.4, 1.4, 8.0, 1.0])
MIRRORED = np.diag([-1.4, 1.4, 8.0, 1.0])  # negative determinant
SHEAR = np.array([[1.5, 0.2, 0, 3], [0, 1.5, 0, -4], [0.1, 0, 8, 5], [0, 0, 0, 1.0]])


def heart(frames: int = 0) -> np.ndarray:
    rng = np.random.default_rng(3)
    volumes = [tiny_heart(rng, contraction)[0] for contraction in np.linspace(1, 0.7, max(frames, 1))]
    return np.stack(volumes, -1) if frames else volumes[0]


def save(path: Path, array: np.ndarray, affine: np.ndarray, *, sform=1, qform=1, units=("mm", "sec")) -> Path:
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine if sform else None, code=sform)
    image.set_qform(affine if qform else None, code=qform, strip_shears=True)
    image.header.set_xyzt_units(*units)
    if array.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], 0.035))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def same_geometry(result: Path, image: Path) -> None:
    written, given = nib.load(result), nib.load(image)
    assert written.shape == given.shape
    np.testing.assert_array_equal(written.affine, given.affine)
    for form in ("get_sform", "get_qform"):
        (matrix, code), (expected, expected_code) = (getattr(i.header, form)(coded=True) for i in (written, given))
        assert code == expected_code
        np.testing.assert_array_equal(matrix, expected) if code else None
    assert written.header.get_zooms() == given.header.get_zooms()
    assert written.header.get_xyzt_units() == given.header.get_xyzt_units()
    a, b = SimpleITK.ReadImage(str(result)), SimpleITK.ReadImage(str(image))
    assert a.GetSize() == b.GetSize()
    assert (a.GetOrigin(), a.GetSpacing(), a.GetDirection()) == (b.GetOrigin(), b.GetSpacing(), b.GetDirection())


@pytest.mark.parametrize("frames", [0, 4], ids=["3-D", "4-D"])
@pytest.mark.parametrize(
    ("affine", "forms"),
    [
        (OBLIQUE, {}),
        (MIRRORED, {}),
        (MIRRORED, {"sform": 2, "qform": 1}),
        (MIRRORED, {"sform": 0, "qform": 1}),
        (OBLIQUE, {"sform": 0, "qform": 3}),
        (OBLIQUE, {"sform": 4, "qform": 0, "units": ("mm", "msec")}),
        (MIRRORED, {"sform": 1, "qform": 0, "units": ("unknown", "unknown")}),
    ],
    ids=["oblique", "mirrored", "both-forms", "qform-only", "oblique-qform", "oblique-sform", "sform-only"],
)
def test_the_result_lies_exactly_on_the_grid_of_its_image(run_of_lv, tmp_path, affine, forms, frames):
    image = save(tmp_path / "in" / "heart.nii.gz", heart(frames), affine, **forms)
    predict_files(run_of_lv, [image], tmp_path / "out", device="cpu")
    same_geometry(tmp_path / "out" / "heart.nii.gz", image)


def test_an_affine_that_is_no_rotation_is_kept_as_it_is(run_of_lv, tmp_path):
    image = save(tmp_path / "sheared.nii.gz", heart(), SHEAR, qform=0)
    predict_files(run_of_lv, [image], tmp_path / "out", device="cpu")
    written = nib.load(tmp_path / "out" / "sheared.nii.gz")
    np.testing.assert_array_equal(written.affine, nib.load(image).affine)


def test_a_cine_of_one_frame_stays_four_dimensional(run_of_lv, tmp_path):
    image = save(tmp_path / "one.nii.gz", heart(1), STRAIGHT)
    table = predict_files(run_of_lv, [image], tmp_path / "out", device="cpu")
    same_geometry(tmp_path / "out" / "one.nii.gz", image)
    assert pd.read_csv(table)["frame"].isna().all()


def test_a_cases_prediction_is_written_in_the_values_of_the_source(run_of_all, tiny_acdc, tmp_path):
    image = tiny_acdc / "training" / "patient001" / "patient001_frame01.nii.gz"
    predict_files(run_of_all, [image], tmp_path, device="cpu")
    written = nib.load(tmp_path / image.name)
    assert written.get_data_dtype() == np.uint8
    classes = Predictor.load(run_of_all, "last", "cpu").predict(read_volume(image))
    np.testing.assert_array_equal(np.asarray(written.dataobj), classes)  # ACDC's values are the class numbers


def test_with_a_crf_the_refined_prediction_is_written(run_of_all, tiny_acdc, tmp_path):
    image = tiny_acdc / "training" / "patient001" / "patient001_frame01.nii.gz"
    predict_files(run_of_all, [image], tmp_path / "plain", device="cpu")
    predict_files(run_of_all, [image], tmp_path / "crf", device="cpu", crf=True)
    plain, refined = (np.asarray(nib.load(tmp_path / name / image.name).dataobj) for name in ("plain", "crf"))
    classes = (
        Predictor.load(run_of_all, "last", "cpu").with_options(PredictionOptions(crf=True)).predict(read_volume(image))
    )
    np.testing.assert_array_equal(refined, classes)  # ACDC's values are the class numbers
    assert (refined != plain).any()
    same_geometry(tmp_path / "crf" / image.name, image)


def test_the_lv_has_acdcs_value_three(run_of_lv, tiny_acdc, tmp_path):
    image = tiny_acdc / "training" / "patient001" / "patient001_frame01.nii.gz"
    predict_files(run_of_lv, [image], tmp_path, device="cpu")
    assert set(np.unique(nib.load(tmp_path / image.name).dataobj)) == {0, 3}


def test_every_frame_is_predicted_as_a_volume_of_its_own(run_of_lv, tmp_path):
    frames = heart(3)
    frames[..., 2] *= 5  # a frame is scaled by its own intensities
    whole = save(tmp_path / "cine.nii.gz", frames, STRAIGHT)
    parts = [save(tmp_path / f"frame{number}.nii.gz", frames[..., number], STRAIGHT) for number in range(3)]
    table = predict_files(run_of_lv, [whole, *parts], tmp_path / "out", device="cpu")
    cine = np.asarray(nib.load(tmp_path / "out" / "cine.nii.gz").dataobj)
    for number, part in enumerate(parts):
        np.testing.assert_array_equal(cine[..., number], np.asarray(nib.load(tmp_path / "out" / part.name).dataobj))
    volumes = pd.read_csv(table)
    of_cine = volumes[volumes["file"] == "cine.nii.gz"]
    assert of_cine["frame"].to_list() == [1, 2, 3]
    of_parts = volumes[volumes["file"] != "cine.nii.gz"]
    assert of_parts["frame"].isna().all()
    np.testing.assert_allclose(of_cine["volume_ml"], of_parts["volume_ml"])


def test_volumes_are_voxels_times_their_size_in_ml(run_of_all, tmp_path):
    image = save(tmp_path / "heart.nii.gz", heart(), np.diag([1.5, 2.0, -10.0, 1.0]))
    table = predict_files(run_of_all, [image], tmp_path / "out", device="cpu")
    label = np.asarray(nib.load(tmp_path / "out" / "heart.nii.gz").dataobj)
    volumes = pd.read_csv(table)
    assert volumes.columns.to_list() == ["file", "frame", "structure", "volume_ml"]
    assert volumes["structure"].to_list() == ["rv", "myo", "lv"]
    np.testing.assert_allclose(volumes["volume_ml"], [(label == value).sum() * 0.03 for value in (1, 2, 3)], atol=1e-6)


def test_the_table_keeps_other_files_and_replaces_predicted_ones(run_of_lv, tmp_path):
    images = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in "ba"]
    out = tmp_path / "out"
    predict_files(run_of_lv, images[:1], out, device="cpu")
    table = predict_files(run_of_lv, images[1:], out, device="cpu")
    assert pd.read_csv(table)["file"].to_list() == ["a.nii.gz", "b.nii.gz"]
    save(images[0], heart()[:, :, :1], STRAIGHT)
    before = table.read_text()
    predict_files(run_of_lv, images[:1], out, device="cpu", overwrite=True)
    a, b = pd.read_csv(table)["volume_ml"]
    assert b < a
    assert table.read_text() != before


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_other_formats_become_nifti_on_the_same_grid(run_of_lv, tmp_path, suffix):
    image = SimpleITK.GetImageFromArray(heart().T.astype(np.float32))
    image.SetSpacing((1.4, 1.4, 8.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    image.SetDirection((0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
    path = tmp_path / f"heart{suffix}"
    SimpleITK.WriteImage(image, str(path))
    predict_files(run_of_lv, [path], tmp_path / "out", device="cpu")
    written = SimpleITK.ReadImage(str(tmp_path / "out" / "heart.nii.gz"))
    assert written.GetSize() == image.GetSize()
    for getter in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(written, getter)(), getattr(image, getter)(), atol=1e-6)
    nifti = save(tmp_path / "nifti.nii.gz", heart(), STRAIGHT)
    predict_files(run_of_lv, [nifti], tmp_path / "out", device="cpu")
    same = np.asarray(nib.load(tmp_path / "out" / "nifti.nii.gz").dataobj)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(written).T, same)


def test_broken_images_are_reported_together_after_the_good_ones(run_of_lv, tmp_path):
    good = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in ("a", "z")]
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(good[0].read_bytes()[:1000])
    constant = save(tmp_path / "flat.nii.gz", np.zeros((8, 8, 2), np.int16), STRAIGHT)
    calls = []
    with pytest.raises(InputErrors) as caught:
        predict_files(
            run_of_lv,
            [good[0], cut, constant, good[1]],
            tmp_path / "out",
            device="cpu",
            progress=lambda done, total: calls.append((done, total)),
        )
    assert [str(path) in str(error) for path, error in zip((cut, constant), caught.value.errors, strict=True)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.nii.gz", "volumes.csv", "z.nii.gz"]
    assert pd.read_csv(tmp_path / "out" / "volumes.csv")["file"].to_list() == ["a.nii.gz", "z.nii.gz"]
    assert calls == [(number, 4) for number in range(5)]


def test_where_nothing_could_be_segmented_no_table_is_written(run_of_lv, tmp_path):
    (tmp_path / "bad.nii.gz").write_bytes(gzip.compress(b"no image"))
    with pytest.raises(InputErrors, match=r"bad\.nii\.gz"):
        predict_files(run_of_lv, [tmp_path / "bad.nii.gz"], tmp_path / "out", device="cpu")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interruption_leaves_what_was_segmented_in_the_table(run_of_lv, tmp_path):
    images = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in "ab"]

    def interrupt(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_files(run_of_lv, images, tmp_path / "out", device="cpu", progress=interrupt)
    assert pd.read_csv(tmp_path / "out" / "volumes.csv")["file"].to_list() == ["a.nii.gz"]


def test_nothing_is_done_when_inputs_and_outputs_do_not_fit(run_of_lv, tmp_path):
    images = [save(tmp_path / folder / "x.nii.gz", heart(), STRAIGHT) for folder in "ab"]
    with pytest.raises(InputErrors, match="2 inputs would be written"):
        predict_files(run_of_lv, images, tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["day,weather\n1,rain\n", "", "file,frame,structure,volume_ml\nx,one,lv,3\n"])
def test_a_foreign_table_in_the_way_is_refused_before_any_work(run_of_lv, tmp_path, content):
    image = save(tmp_path / "x.nii.gz", heart(), STRAIGHT)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "volumes.csv").write_text(content)
    with pytest.raises(InputError, match=r"volumes\.csv is in the way"):
        predict_files(run_of_lv, [image], tmp_path / "out", device="cpu")
    assert (tmp_path / "out" / "volumes.csv").read_text() == content


def test_a_file_in_place_of_the_output_folder_is_refused(run_of_lv, tmp_path):
    image = save(tmp_path / "x.nii.gz", heart(), STRAIGHT)
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        predict_files(run_of_lv, [image], tmp_path / "out", device="cpu")


@pytest.mark.real_data
def test_acdcs_own_files_keep_their_grids(run_of_lv, test_data, tmp_path):
    patients = sorted((test_data / "acdc" / "training").iterdir())
    images = [min(folder.glob("*_frame??.nii.gz")) for folder in patients if (folder / "Info.cfg").is_file()]
    images += [next((test_data / "acdc" / "training" / "patient090").glob("*_4d.nii.gz"))]
    table = predict_files(run_of_lv, images, tmp_path, device="cpu")
    for image in images:
        same_geometry(tmp_path / image.name, image)
    volumes = pd.read_csv(table)
    assert set(volumes["file"]) == {image.name for image in images}
    assert volumes["volume_ml"].ge(0).all()
