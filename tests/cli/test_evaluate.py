import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK

import medsize.evaluation
from tests.cli.command import medsize as run_medsize


def test_evaluating_again_finds_the_same_and_prints_it(trained_run: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    shutil.rmtree(run / "report")
    shutil.rmtree(run / "predictions")
    outcome = run_medsize("evaluate", run, "--device", "cpu")
    assert outcome.code == 0
    assert not outcome.stderr
    for name in ("report/metrics.csv", "report/slices.csv", "report/training_sizes.csv"):
        assert (run / name).read_bytes() == (trained_run / name).read_bytes()
    for checkpoint in ("last", "best"):
        predicted = {path.name for path in (run / "predictions" / checkpoint).iterdir()}
        assert predicted == {path.name for path in (trained_run / "predictions" / checkpoint).iterdir()}
    mean = pd.read_csv(run / "report/metrics.csv").query("checkpoint == 'last'")["dice_scan"].mean()
    assert f"dice_scan lv, checkpoint last, 4 val cases: mean {mean:.3f}" in outcome.stdout
    assert "checkpoint best, 4 val cases (chosen on these cases)" in outcome.stdout
    assert "NSD is not measured without a tolerance in mm (--nsd-tolerance): lv" in outcome.stdout
    assert outcome.stdout.endswith(f"report: {run / 'report/index.html'}\n")
    assert (run / "report/index.html").is_file()


@pytest.mark.usefixtures("without_report")
def test_options_of_predict_are_measured_beside_the_network_alone(trained_run: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    outcome = run_medsize("evaluate", run, "--crf", "--tta", "--keep-largest", "--nsd-tolerance", 2)
    assert outcome.code == 0
    lines = outcome.stdout.splitlines()
    names = ("last", "best", "last_tta_largest_crf", "best_tta_largest_crf")
    assert [line.split(",")[1] for line in lines[:4]] == [f" checkpoint {name}" for name in names]
    assert "NSD 0." in outcome.stdout
    before, after = (pd.read_csv(of / "report/metrics.csv") for of in (trained_run, run))
    pd.testing.assert_frame_equal(after.iloc[: len(before)].drop(columns="nsd"), before.drop(columns="nsd"))


@pytest.fixture
def predictions(trained_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_run / "predictions/last", tmp_path / "predictions")


def test_label_files_of_any_tool_get_the_figures_of_the_run_that_made_them(predictions, trained_run, tiny_acdc):
    reference = predictions.parent / "labels"
    reference.mkdir()
    for path in predictions.iterdir():
        label = next(tiny_acdc.rglob(path.name.replace(".nii.gz", "_gt.nii.gz")))
        shutil.copy(label, reference)
    names = [option for pair in ("lv=3", "myo=2", "rv=1") for option in ("--structure", pair)]
    outcome = run_medsize("evaluate", predictions, "--reference", reference, *names)
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.endswith(f"report: {predictions / 'report/index.html'}\n")
    run, files = (pd.read_csv(of / "report/metrics.csv") for of in (trained_run, predictions))
    run = run[run["checkpoint"] == "last"].reset_index(drop=True)
    files = files[files["structure"] == "lv"].reset_index(drop=True)
    about = ["checkpoint", "split", "group", "phase", "pathology"]
    pd.testing.assert_frame_equal(files.drop(columns=about), run.drop(columns=about))


@pytest.fixture
def labels(tiny_acdc: Path, tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    for path in sorted(tiny_acdc.rglob("*_gt.nii.gz"))[:3]:
        shutil.copy(path, tmp_path / "labels")
    return tmp_path / "labels"


def test_a_label_that_another_program_moved_is_an_error_with_both_affines_and_no_dice_of_0(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(medsize.evaluation, "write_report", lambda folder: folder)
    moved = shutil.copytree(labels, tmp_path / "moved")
    path = sorted(moved.iterdir())[0]
    image = nib.load(path)
    affine = image.affine @ np.diag([-1, -1, 1, 1])  # LPS taken for RAS
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    outcome = run_medsize("evaluate", moved, "--reference", labels, "--structure", "lv=3", "-o", tmp_path / "out")
    assert (outcome.code, outcome.errors) == (1, 1)
    assert "does not lie where its image lies" in outcome.said
    assert "[1.5, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, 8, 0]" in outcome.said
    assert "[-1.5, 0, 0, 0], [0, -1.5, 0, 0], [0, 0, 8, 0]" in outcome.said
    assert "dice_scan lv, 2 cases: mean 1.000" in outcome.stdout


def test_masks_of_other_values_are_an_error_that_names_them(labels: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(medsize.evaluation, "write_report", lambda folder: folder)
    outcome = run_medsize("evaluate", labels, "--reference", labels, "--structure", "lv=7", "-o", tmp_path / "out")
    assert (outcome.code, outcome.errors) == (1, 1)
    assert "every score is 0" in outcome.said
    assert "values that no structure has in the labels: 1, 2, 3" in outcome.said


def test_a_missing_prediction_is_said_aloud_and_is_no_error(predictions, tiny_acdc, tmp_path, monkeypatch):
    monkeypatch.setattr(medsize.evaluation, "write_report", lambda folder: folder)
    outcome = run_medsize(
        "evaluate", predictions, "--reference", tiny_acdc, "--structure", "lv", "-o", tmp_path / "out"
    )
    assert outcome.code == 0, outcome.stderr
    assert "dice_scan lv, 20 cases" in outcome.stdout
    assert outcome.stdout.count("FAILED, scored as empty: ") == 16
    assert (tmp_path / "out/metrics.csv").is_file()


def wrong(predictions, run, tiny_acdc):
    return [
        ((predictions,), "predictions is not a run", "say where those are: --reference FOLDER"),
        ((run, "--reference", tiny_acdc), "is a run, and knows its labels", "predictions/last"),
        ((run, "--structure", "lv=3"), "--structure cannot be used here", "name their --reference too"),
        ((run, "-o", "out"), "--output cannot be used here", "name their --reference too"),
        ((predictions, "--reference", tiny_acdc, "--tta", "--crf"), "--tta, --crf cannot be used here", "leave out"),
        (
            (predictions, "--reference", "gone"),
            "gone: no such file or folder",
            "a data set in the ACDC layout or a manifest",
        ),
        ((predictions, "--reference", tiny_acdc, "--structure", "lw"), "--structure cannot", "one of rv, myo, lv"),
        ((run, "--nsd-tolerance", "two"), "--nsd-tolerance cannot be used", "found: two"),
        ((run, "--nsd-tolerance", "lw=2"), "tolerance is given for 'lw'", "expected: lv"),
        ((predictions, "--reference", predictions), "nothing says what the values", "--structure NAME=VALUE"),
    ]


@pytest.mark.parametrize("number", range(10))
def test_wrong_use_is_one_message_with_a_remedy(predictions, trained_run, tiny_acdc, number):
    arguments, *said = wrong(predictions, trained_run, tiny_acdc)[number]
    outcome = run_medsize("evaluate", *arguments)
    assert (outcome.code, outcome.errors) == (1, 1)
    for part in said:
        assert part in outcome.said


def without_codes(array: np.ndarray, path: Path) -> None:
    image = nib.Nifti1Image(array, np.diag([1.5, 1.5, 8, 1]))
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, path)


def with_two_forms(array: np.ndarray, path: Path) -> None:
    affine = np.diag([1.5, 1.5, 8, 1])
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, 2)
    affine[:3, 3] = 12, -7, 30
    image.set_qform(affine, 1)
    nib.save(image, path)


@pytest.mark.parametrize("write", [without_codes, with_two_forms])
def test_a_label_that_another_program_wrote_again_agrees_with_itself(tiny_acdc: Path, tmp_path: Path, write):
    label = nib.load(tiny_acdc / "training/patient001/patient001_frame01_gt.nii.gz")
    for folder in ("reference", "predictions"):
        (tmp_path / folder).mkdir()
    write(np.asarray(label.dataobj), tmp_path / "reference/case.nii.gz")
    image = SimpleITK.ReadImage(str(tmp_path / "reference/case.nii.gz"))
    SimpleITK.WriteImage(image, str(tmp_path / "predictions/case.nii.gz"))
    names = [part for name in ("rv=1", "myo=2", "lv=3") for part in ("--structure", name)]
    outcome = run_medsize("evaluate", "predictions", "--reference", "reference", *names, "-o", "out")
    assert outcome.code == 0, outcome.stderr
    assert pd.read_csv("out/metrics.csv")["dice_scan"].tolist() == [1, 1, 1]
