import errno
import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK
import torch
from scipy.spatial.transform import Rotation

import medsize.data.inputs
import medsize.inference.predict
from medsize.data.volumes import read_volume
from medsize.errors import InputError, InputErrors
from medsize.files import writing
from medsize.inference import results
from medsize.inference.ensemble import Ensemble
from medsize.inference.load import Predictor
from medsize.inference.options import PredictionOptions
from medsize.inference.origin import load_with_origin
from medsize.inference.predict import Wanted, predict_files
from medsize.run_folder import RunFolder
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
    predict_files(run_of_all, [image], tmp_path / "crf", device="cpu", options=PredictionOptions(crf=True))
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
    assert volumes.columns.to_list()[:4] == ["file", "frame", "structure", "volume_ml"]
    assert volumes["structure"].to_list() == ["rv", "myo", "lv"]
    np.testing.assert_allclose(volumes["volume_ml"], [(label == value).sum() * 0.03 for value in (1, 2, 3)], atol=1e-6)


def test_the_table_keeps_other_files_and_replaces_predicted_ones(run_of_lv, tmp_path):
    images = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in "ba"]
    out = tmp_path / "out"
    predict_files(run_of_lv, images[:1], out, device="cpu")
    table = predict_files(run_of_lv, images[1:], out, device="cpu")
    assert pd.read_csv(table)["file"].to_list() == ["a.nii.gz", "b.nii.gz"]
    save(images[0], heart()[:, :, :1], STRAIGHT)
    before = table.read_text("utf-8")
    predict_files(run_of_lv, images[:1], out, device="cpu", wanted=Wanted(existing="overwrite"))
    a, b = pd.read_csv(table)["volume_ml"]
    assert b < a
    assert table.read_text("utf-8") != before


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("frames", [0, 3])
def test_nrrd_and_metaimage_keep_their_format_and_place(run_of_lv, tmp_path, suffix, frames):
    array = heart(frames).astype(np.float32)
    image = SimpleITK.GetImageFromArray(array.T, isVector=False)
    image.SetSpacing((1.4, 1.4, 8.0, 0.03)[: array.ndim])
    image.SetOrigin((10.0, -20.0, 30.0, 0.0)[: array.ndim])
    direction = np.eye(array.ndim)
    direction[:3, :3] = [[0, 1, 0], [1, 0, 0], [0, 0, -1]]
    image.SetDirection(direction.ravel())
    path = tmp_path / f"heart{suffix}"
    SimpleITK.WriteImage(image, str(path))
    nifti = save(tmp_path / "nifti.nii.gz", heart(frames), STRAIGHT)
    predict_files(run_of_lv, [path, nifti], tmp_path / "out", device="cpu")
    written = SimpleITK.ReadImage(str(tmp_path / "out" / f"heart{suffix}"))
    assert written.GetPixelIDTypeAsString() == "8-bit unsigned integer"
    for getter in ("GetSize", "GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(written, getter)() == getattr(image, getter)()
    same = np.asarray(nib.load(tmp_path / "out" / "nifti.nii.gz").dataobj)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(written).T, same)


@pytest.mark.parametrize("into", ["nifti", "nrrd", "mha"])
def test_the_format_can_be_chosen_and_the_place_stays(run_of_lv, tmp_path, into):
    image = save(tmp_path / "heart.nii", heart(), OBLIQUE)
    other = SimpleITK.ReadImage(str(image))
    SimpleITK.WriteImage(other, str(tmp_path / "scan.mha"))
    predict_files(run_of_lv, [image, tmp_path / "scan.mha"], tmp_path / "out", device="cpu", wanted=Wanted(into=into))
    suffixes = {"nifti": (".nii", ".nii.gz"), "nrrd": (".nrrd", ".nrrd"), "mha": (".mha", ".mha")}[into]
    results = [tmp_path / "out" / f"{name}{suffix}" for name, suffix in zip(("heart", "scan"), suffixes, strict=True)]
    first, second = (SimpleITK.ReadImage(str(result)) for result in results)
    for result in (first, second):
        assert result.GetSize() == other.GetSize()
        for getter in ("GetOrigin", "GetSpacing", "GetDirection"):
            np.testing.assert_allclose(getattr(result, getter)(), getattr(other, getter)(), atol=1e-5)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(first), SimpleITK.GetArrayFromImage(second))


def test_sheared_axes_become_nifti_only(run_of_lv, tmp_path):
    image = save(tmp_path / "sheared.nii.gz", heart(), SHEAR, qform=0)
    with pytest.raises(InputErrors, match="not at right angles"):
        predict_files(run_of_lv, [image], tmp_path / "out", device="cpu", wanted=Wanted(into="nrrd"))
    assert not (tmp_path / "out").exists()


def affines() -> list[np.ndarray]:
    """Thirty: axes permuted and mirrored, turned, sheared."""
    rng = np.random.default_rng(11)
    found = []
    for number in range(30):
        permuted = np.eye(3)[:, rng.permutation(3)] * rng.choice([-1, 1], 3)
        turned = Rotation.random(random_state=number).as_matrix() if number % 3 else permuted
        shear = np.eye(3) + (np.triu(rng.uniform(-0.3, 0.3, (3, 3)), 1) if number % 5 == 4 else 0)
        affine = np.eye(4)
        affine[:3, :3] = turned @ shear * rng.uniform((0.8, 0.8, 2), (2, 2, 10))
        affine[:3, 3] = rng.uniform(-200, 200, 3)
        found.append(affine)
    return found


def test_thirty_orientations_and_shears_come_back_voxel_for_voxel(run_of_lv, tmp_path):
    array = heart()
    expected = None
    images = [save(tmp_path / f"{n}.nii.gz", array, affine, qform=0) for n, affine in enumerate(affines())]
    predict_files(run_of_lv, images, tmp_path / "out", device="cpu", wanted=Wanted(pictures=False))
    for affine, image in zip(affines(), images, strict=True):
        written = nib.load(tmp_path / "out" / image.name)
        np.testing.assert_array_equal(written.affine, nib.load(image).affine)
        np.testing.assert_allclose(written.affine, affine, atol=1e-4)
        labels = np.asarray(written.dataobj)
        expected = labels if expected is None else expected
        np.testing.assert_array_equal(labels, expected)  # paper preprocessing sees pixels, whatever their place
        axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        if np.allclose(axes.T @ axes, np.eye(3)):
            given, read = (SimpleITK.ReadImage(str(path)) for path in (image, tmp_path / "out" / image.name))
            np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(read).T, expected)
            for getter in ("GetOrigin", "GetSpacing", "GetDirection"):
                assert getattr(read, getter)() == getattr(given, getter)()
    assert expected.any()


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
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["a.nii.gz", "labels_itksnap.txt", "labels_slicer.ctbl", "pictures", "volumes.csv", "z.nii.gz"]
    )
    assert pd.read_csv(tmp_path / "out" / "volumes.csv")["file"].to_list() == ["a.nii.gz", "z.nii.gz"]
    assert calls == [(number, 4) for number in range(5)]


def test_where_nothing_could_be_segmented_no_folder_is_left(run_of_lv, tmp_path):
    (tmp_path / "bad.nii.gz").write_bytes(gzip.compress(b"no image"))
    with pytest.raises(InputErrors, match=r"bad\.nii\.gz"):
        predict_files(run_of_lv, [tmp_path / "bad.nii.gz"], tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_an_interruption_leaves_whole_results_and_their_rows_and_can_be_resumed(run_of_lv, tmp_path):
    images = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in "abcdefghij"]
    out = tmp_path / "out"

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_files(run_of_lv, images, out, device="cpu", progress=interrupt)
    finished = sorted(path.name for path in out.glob("*.nii.gz"))
    assert 2 <= len(finished) < len(images)
    assert pd.read_csv(out / "volumes.csv")["file"].to_list() == finished
    assert not list(out.rglob(".*"))
    before = {name: (out / name).stat().st_mtime_ns for name in finished}
    said = []
    predict_files(run_of_lv, images, out, device="cpu", wanted=Wanted(existing="resume"), say=said.append)
    left = 10 - len(finished)
    assert said == [
        f"finished before: {len(finished)} of 10",
        f"predicted: {left}, kept from before: {len(finished)}, failed: 0",
    ]
    assert before == {name: (out / name).stat().st_mtime_ns for name in finished}
    assert pd.read_csv(out / "volumes.csv")["file"].to_list() == [image.name for image in images]


def test_a_result_without_its_row_is_made_again_by_resume(run_of_lv, tmp_path):
    image = save(tmp_path / "a.nii.gz", heart(), STRAIGHT)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.nii.gz").write_bytes(b"of a killed process")
    predict_files(run_of_lv, [image], tmp_path / "out", device="cpu", wanted=Wanted(existing="resume"))
    same_geometry(tmp_path / "out" / "a.nii.gz", image)


def test_a_disk_that_is_full_ends_it_at_once(run_of_lv, tmp_path, monkeypatch):
    images = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in "abcdef"]
    written = []

    def full(path, *arguments, **options):
        written.append(path)
        with writing(path):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(results, "write_label", full)
    with pytest.raises(InputError, match="No space left"):
        predict_files(run_of_lv, images, tmp_path / "out", device="cpu", wanted=Wanted(pictures=False))
    assert len(written) < len(images)
    assert not (tmp_path / "out").exists()


def test_images_of_one_name_keep_their_folders(run_of_lv, tmp_path):
    images = [save(tmp_path / folder / "x.nii.gz", heart(), STRAIGHT) for folder in "ab"]
    table = predict_files(run_of_lv, images, tmp_path / "out", device="cpu")
    assert pd.read_csv(table)["file"].to_list() == ["a/x.nii.gz", "b/x.nii.gz"]
    for folder in "ab":
        same_geometry(tmp_path / "out" / folder / "x.nii.gz", images[0])
        assert (tmp_path / "out" / "pictures" / folder / "x.png").is_file()


def test_nothing_is_done_when_inputs_and_outputs_do_not_fit(run_of_lv, tmp_path):
    images = [save(tmp_path / name, heart(), STRAIGHT) for name in ("x.nii.gz", "x.nii")]
    with pytest.raises(InputErrors, match="2 inputs would be written"):
        predict_files(run_of_lv, images, tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_probabilities_lie_on_the_images_grid_and_explain_the_labels(run_of_all, tmp_path):
    image = save(tmp_path / "heart.nii.gz", heart(2), OBLIQUE)
    predict_files(run_of_all, [image], tmp_path / "out", device="cpu", wanted=Wanted(probabilities=True))
    found = []
    for name in ("rv", "myo", "lv"):
        path = tmp_path / "out" / "probabilities" / f"heart_{name}.nii.gz"
        same_geometry(path, image)
        assert nib.load(path).get_data_dtype() == np.float32
        found.append(np.asarray(nib.load(path).dataobj))
    with_background = np.stack([1 - np.sum(found, axis=0), *found])
    labels = np.asarray(nib.load(tmp_path / "out" / "heart.nii.gz").dataobj)
    clear = np.abs(np.diff(np.sort(with_background, axis=0)[-2:], axis=0)[0]) > 1e-5
    np.testing.assert_array_equal(with_background.argmax(0)[clear], labels[clear])


def test_names_and_colours_lie_beside_the_labels(run_of_all, tmp_path):
    image = save(tmp_path / "heart.nii.gz", heart(), STRAIGHT)
    predict_files(run_of_all, [image], tmp_path / "out", device="cpu")
    assert '"lv"' in (tmp_path / "out" / "labels_itksnap.txt").read_text(encoding="utf-8")
    assert "3 lv" in (tmp_path / "out" / "labels_slicer.ctbl").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["day,weather\n1,rain\n", "", "file,frame,structure,volume_ml\nx,one,lv,3\n"])
def test_a_foreign_table_in_the_way_is_refused_before_any_work(run_of_lv, tmp_path, content):
    image = save(tmp_path / "x.nii.gz", heart(), STRAIGHT)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "volumes.csv").write_text(content)
    with pytest.raises(InputError, match=r"volumes\.csv is in the way"):
        predict_files(run_of_lv, [image], tmp_path / "out", device="cpu")
    assert (tmp_path / "out" / "volumes.csv").read_text("utf-8") == content


def test_a_second_prediction_into_the_folder_is_refused_and_loses_no_row(run_of_lv, tmp_path):
    images = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in "ab"]
    refusals = []

    def predict_beside(done: float, total: int) -> None:
        if done == 0:
            with pytest.raises(InputError) as caught:
                predict_files(run_of_lv, images[1:], tmp_path / "out", device="cpu")
            refusals.append(str(caught.value))

    table = predict_files(run_of_lv, images[:1], tmp_path / "out", device="cpu", progress=predict_beside)
    assert "another process is at work in" in refusals[0]
    assert f"predicting by process {os.getpid()}" in refusals[0]
    assert pd.read_csv(table)["file"].to_list() == ["a.nii.gz"]


def test_what_killed_predictions_left_is_removed_wherever_results_go(run_of_lv, tmp_path):
    images = [save(tmp_path / "in" / folder / "x.nii.gz", heart(), STRAIGHT) for folder in "ab"]
    out = tmp_path / "out"
    places = [out, *(out / top / folder for top in ("", "pictures", "probabilities") for folder in "ab")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        leave_abandoned(place)
    predict_files(run_of_lv, images, out, device="cpu", wanted=Wanted(probabilities=True))
    assert not list(out.rglob(".partial*"))


def leave_abandoned(folder: Path) -> None:
    """Leave in a folder what a process leaves that is killed while it writes there."""
    script = (
        "import os, sys, pathlib\nfrom medsize.files import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as p:\n    p.write_bytes(b'half')\n    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder / "x.nii.gz")], check=True)
    assert list(folder.glob(".partial*"))


def test_a_network_that_gives_no_numbers_is_an_error_and_not_zero_ml(run_of_lv, tmp_path):
    run = RunFolder(shutil.copytree(run_of_lv.path, tmp_path / "run"))
    ensemble = load_with_origin([run], "last", "cpu", PredictionOptions())[0]
    with torch.no_grad():
        ensemble.members[0].network.conv.weight.fill_(float("nan"))
    image = save(tmp_path / "x.nii.gz", heart(), STRAIGHT)
    with pytest.raises(InputError, match=r"x\.nii\.gz cannot be segmented(.|\n)*values that are not numbers"):
        ensemble.predict(read_volume(image))


def test_an_image_beyond_float32_is_named_and_the_others_are_predicted(run_of_lv, tmp_path):
    wide = heart().astype(np.float32)
    wide[0, 0, 0], wide[1, 0, 0] = -3e38, 3e38
    images = [save(tmp_path / "wide.nii.gz", wide, STRAIGHT), save(tmp_path / "x.nii.gz", heart(), STRAIGHT)]
    with pytest.raises(InputErrors, match=r"wide\.nii\.gz has intensities whose range is not finite"):
        predict_files(run_of_lv, images, tmp_path / "out", device="cpu")
    assert pd.read_csv(tmp_path / "out" / "volumes.csv")["file"].to_list() == ["x.nii.gz"]


@pytest.mark.parametrize("step", ["read", "compute", "write"])
@pytest.mark.parametrize("error", [ValueError("odd"), MemoryError(), RuntimeError("of a decoder"), KeyError("k")])
def test_whatever_is_raised_over_one_image_is_its_failure(run_of_lv, tmp_path, monkeypatch, step, error):
    images = [save(tmp_path / f"{name}.nii.gz", heart(), STRAIGHT) for name in "abc"]
    place, name = {
        "read": (medsize.data.inputs.Image, "read"),
        "compute": (Ensemble, "predict"),
        "write": (medsize.inference.predict, "write_results"),
    }[step]
    whole = getattr(place, name)

    def fail_on_b(*arguments, **options):
        about = next(part for part in arguments if not isinstance(part, Ensemble))
        path = about.path if step != "write" else about.image.path
        if path.name == "b.nii.gz":
            raise error
        return whole(*arguments, **options)

    monkeypatch.setattr(place, name, fail_on_b)
    with pytest.raises(InputErrors) as caught:
        predict_files(run_of_lv, images, tmp_path / "out", device="cpu", wanted=Wanted(pictures=False))
    (problem,) = caught.value.errors
    assert str(images[1]) in str(problem)
    assert problem.__cause__ is error
    assert pd.read_csv(tmp_path / "out" / "volumes.csv")["file"].to_list() == ["a.nii.gz", "c.nii.gz"]


def test_a_checkpoint_that_changes_while_it_is_loaded_is_refused(run_of_lv, tmp_path, monkeypatch):
    run = RunFolder(shutil.copytree(run_of_lv.path, tmp_path / "run"))
    load = Ensemble.load.__func__

    def changing(cls, *arguments):
        ensemble = load(cls, *arguments)
        run.weights("last").touch()
        return ensemble

    monkeypatch.setattr(Ensemble, "load", classmethod(changing))
    with pytest.raises(InputError, match="'last' changed while it was loaded"):
        predict_files(run, [save(tmp_path / "x.nii.gz", heart(), STRAIGHT)], tmp_path / "out", device="cpu")


def test_the_planes_of_one_image_move_the_bar(run_of_lv, tmp_path):
    image = save(tmp_path / "cine.nii.gz", heart(4), STRAIGHT)
    moves = []
    predict_files(
        run_of_lv,
        [image],
        tmp_path / "out",
        device="cpu",
        batch_size=2,
        progress=lambda done, total: moves.append((done, total)),
    )
    parts = [2, 3, 5, 6, 8, 9, 11]
    assert moves == [(0, 1), *((pytest.approx(part / 12), 1) for part in parts), (1, 1)]


def test_a_file_in_place_of_the_output_folder_is_refused(run_of_lv, tmp_path):
    image = save(tmp_path / "x.nii.gz", heart(), STRAIGHT)
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        predict_files(run_of_lv, [image], tmp_path / "out", device="cpu")


@pytest.mark.real_data
def test_all_of_acdc_keeps_its_grids(run_of_lv, test_data, tmp_path):
    images = sorted((test_data / "acdc" / "training").glob("patient*/*_frame??.nii.gz"))
    images += [next((test_data / "acdc" / "training" / "patient090").glob("*_4d.nii.gz"))]
    assert len(images) == 201
    table = predict_files(run_of_lv, images, tmp_path, device="cpu", wanted=Wanted(pictures=False))
    for image in images:
        same_geometry(tmp_path / image.name, image)
    volumes = pd.read_csv(table)
    assert set(volumes["file"]) == {image.name for image in images}
    assert volumes["volume_ml"].ge(0).all()
