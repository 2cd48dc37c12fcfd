import json
import math
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK

from medsize.errors import InputError, InputErrors
from medsize.evaluation import evaluate_predictions
from tests.evaluation.deepmind import deepmind

SPACING = (1.5, 1.25, 8.0)
STRUCTURES = ("lv=3", "myo=2")


def save(path: Path, array: np.ndarray, spacing_mm=SPACING) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array.astype(np.uint8), np.diag([*spacing_mm, 1.0])), path)


def label(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    array = np.zeros((16, 14, 6), np.uint8)
    x, y = random.integers(2, 5, 2)
    array[x : x + 8, y : y + 7, 1:5] = 2
    array[x + 2 : x + 6, y + 2 : y + 5, 1:4] = 3
    return array


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Predictions, moved by a pixel, and labels of five cases."""
    predictions, reference = tmp_path / "predictions", tmp_path / "reference"
    for number in range(5):
        save(reference / f"case{number}_gt.nii.gz", label(number))
        save(predictions / f"case{number}.nii.gz", np.roll(label(number), 1, 0))
    return predictions, reference


def evaluate(folders, **options):
    predictions, reference = folders
    options = {"structures": STRUCTURES, "nsd_tolerance_mm": 1.0} | options
    return evaluate_predictions(predictions, reference, predictions / "report", **options)


def test_the_tables_follow_from_the_files(folders):
    evaluation = evaluate(folders)
    assert len(evaluation.metrics) == 10
    for row in evaluation.metrics.itertuples():
        value = {"lv": 3, "myo": 2}[row.structure]
        predicted, true = (
            np.asarray(nib.load(path).dataobj) == value
            for path in (folders[0] / f"{row.case}.nii.gz", folders[1] / f"{row.case}_gt.nii.gz")
        )
        assert (row.hd95_mm, row.assd_mm, row.nsd) == pytest.approx(deepmind(predicted, true, SPACING, 1.0), abs=1e-3)
        assert row.dice_scan == pytest.approx(2 * (predicted & true).sum() / (predicted.sum() + true.sum()))
        assert row.volume_true_ml == pytest.approx(true.sum() * math.prod(SPACING) / 1000)
        assert (row.checkpoint, row.group, row.failure, row.slices) == ("predictions", row.case, "", 6)
    assert len(evaluation.slices) == 5 * 2 * 6
    report = folders[0] / "report"
    assert {path.name for path in report.iterdir()} == {"metrics.csv", "slices.csv", "summary.json"}
    pd.testing.assert_frame_equal(pd.read_csv(report / "slices.csv", keep_default_na=False), evaluation.slices)


def test_the_summary_says_what_was_compared_and_how(folders):
    summary = evaluate(folders, nsd_tolerance_mm={"lv": 1.0}).summary
    assert (summary["kind"], summary["checkpoint"], summary["split"]) == ("predictions", "predictions", "")
    assert summary["groups"] == {"from": "nothing: each case is its own", "count": 5}
    assert (summary["structures"], summary["nsd_left_out"]) == ({"lv": 3, "myo": 2}, ["myo"])
    assert summary["seeds"] == {"bootstrap": 0}
    assert set(summary["versions"]) == {"medsize", "numpy", "scipy"}
    assert summary["failures"] == summary["leaks"] == summary["extra_predictions"] == []
    assert json.loads((folders[0] / "report/summary.json").read_text(encoding="utf-8")) == summary


def test_a_missing_prediction_is_scored_as_an_empty_one_and_listed(folders):
    (folders[0] / "case3.nii.gz").unlink()
    evaluation = evaluate(folders)
    lv = evaluation.metrics.query("case == 'case3' and structure == 'lv'").iloc[0]
    assert (lv["dice_scan"], lv["hd95_mm"], lv["nsd"], lv["volume_error_percent"]) == (0, math.inf, 0, -100)
    assert lv["failure"] == "no prediction"
    assert evaluation.summary["failures"] == [{"checkpoint": "predictions", "case": "case3", "reason": "no prediction"}]
    assert evaluation.summary["metric_per_case"][3]["prediction_file"] is None
    assert "FAILED, scored as empty: case3: no prediction" in evaluation.describe()
    assert "HD95" in evaluation.describe()
    assert "(infinite in 1)" in evaluation.describe()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be read"),
        (lambda path: path.write_bytes(b""), "is empty: 0 bytes"),
        (lambda path: save(path, np.zeros((3, 3, 3))), r"does not fit its image: shape \(3, 3, 3\)"),
        (lambda path: save(path, label(0), (1, 1, 1)), "does not lie where its image lies"),
        (lambda path: save(path, label(0) * 60), "label values that mean nothing here: 120, 180"),
        (lambda path: save(path, np.zeros((16, 14, 6, 2))), "is not one volume"),
    ],
)
def test_a_prediction_that_cannot_be_used_is_a_failure_with_its_reason(folders, spoil, reason):
    spoil(folders[0] / "case0.nii.gz")
    evaluation = evaluate(folders)
    failed = evaluation.metrics[evaluation.metrics["failure"] != ""]
    assert failed["case"].to_list() == ["case0"] * 2
    assert failed["failure"].str.contains(reason).all()
    assert (failed["dice_scan"] == 0).all()


def test_an_extra_prediction_is_listed(folders):
    shutil.copy(folders[0] / "case0.nii.gz", folders[0] / "stranger.nii.gz")
    evaluation = evaluate(folders)
    assert evaluation.summary["extra_predictions"] == ["stranger"]
    assert "predictions without a label, not evaluated: stranger" in evaluation.describe()


def test_every_broken_reference_is_an_error_and_nothing_is_written(folders):
    for name in ("case1_gt.nii.gz", "case2_gt.nii.gz"):
        (folders[1] / name).write_bytes(b"broken")
    with pytest.raises(InputErrors) as caught:
        evaluate(folders)
    assert [str(error).split(":")[0] for error in caught.value.errors] == ["case case1", "case case2"]
    assert not (folders[0] / "report").exists()


def test_values_that_no_name_is_given_for_are_an_error_of_the_reference(folders):
    with pytest.raises(InputErrors, match="label values that mean nothing here"):
        evaluate(folders, structures=["lv=3"])


def test_without_any_common_name_both_sides_are_shown(folders, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folders[0], other)
    for path in list(other.iterdir()):
        path.rename(other / f"x_{path.name}")
    with pytest.raises(InputError) as caught:
        evaluate((other, folders[1]))
    assert "case0.nii.gz, case1.nii.gz, case2.nii.gz, … (5 in all)" in str(caught.value)
    assert "x_case0.nii.gz" in str(caught.value)


def test_folders_that_are_missing_or_empty_are_named(folders, tmp_path):
    with pytest.raises(InputError, match="gone: no such folder"):
        evaluate((tmp_path / "gone", folders[1]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no label file at all"):
        evaluate((tmp_path / "empty", folders[1]))


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_other_formats_give_the_same_figures(folders, suffix):
    expected = evaluate(folders).metrics
    for path in folders[0].glob("*.nii.gz"):
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(path)), str(path).replace(".nii.gz", suffix))
        path.unlink()
    found = evaluate(folders).metrics
    pd.testing.assert_frame_equal(found, expected)


def test_acdc_as_reference_tells_patients_and_phases(tiny_acdc, tmp_path):
    for path in tiny_acdc.rglob("*_gt.nii.gz"):
        (tmp_path / "p").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "p" / path.name.replace("_gt", ""))
    evaluation = evaluate_predictions(tmp_path / "p", tiny_acdc, tmp_path / "out", structures=["lv"])
    assert set(evaluation.metrics["structure"]) == {"lv"}
    assert (evaluation.metrics["dice_scan"] == 1).all()
    assert evaluation.summary["groups"] == {"from": "the patients of the ACDC layout", "count": 10}
    assert set(evaluation.metrics["phase"]) == {"ED", "ES"}
    assert evaluation.summary["metric_per_case"][0]["image_file"].endswith("patient001_frame01.nii.gz")


def test_several_processes_find_what_one_finds(folders):
    for number in range(5, 9):
        save(folders[1] / f"case{number}_gt.nii.gz", label(number))
    alone, together = evaluate(folders), evaluate(folders, processes=2)
    pd.testing.assert_frame_equal(alone.metrics, together.metrics)
    pd.testing.assert_frame_equal(alone.slices, together.slices)
    assert alone.summary == together.summary


def test_progress_counts_cases(folders):
    calls = []
    evaluate(folders, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(number, 5) for number in range(1, 6)]
