import json
import math
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK

from medsize.data.volumes import read_label
from medsize.errors import InputError, InputErrors
from medsize.evaluation import evaluate_predictions, label_pair
from medsize.evaluation.evaluated import Evaluated
from tests.metrics.deepmind import deepmind

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
    assert {path.name for path in report.iterdir()} == {"metrics.csv", "slices.csv", "summary.json", "files.json"}
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
        (lambda path: save(path, label(0) * 60), "none of its values is a structure: found 120, 180"),
        (lambda path: save(path, np.where(label(0), 1, 0)), "none of its values is a structure: found 1"),
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


def test_a_broken_reference_is_an_error_and_the_other_cases_are_evaluated(folders):
    expected = evaluate(folders).metrics
    for name in ("case1_gt.nii.gz", "case2_gt.nii.gz"):
        (folders[1] / name).write_bytes(b"broken")
    evaluation = evaluate(folders)
    others = expected[~expected["case"].isin(("case1", "case2"))].reset_index(drop=True)
    pd.testing.assert_frame_equal(evaluation.metrics, others)
    assert [each["case"] for each in evaluation.summary["not_evaluated"]] == ["case1", "case2"]
    with pytest.raises(InputErrors) as caught:
        evaluation.check()
    assert [str(error).split(":")[0] for error in caught.value.errors] == ["case case1", "case case2"]


def test_without_any_reference_that_can_be_read_nothing_is_written(folders):
    for path in folders[1].iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(InputErrors, match="5 problems"):
        evaluate(folders)
    assert not (folders[0] / "report").exists()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: save(path, np.zeros((3, 3, 3))), r"does not fit.*\n(.|\n)*16, 14, 6(.|\n)*3, 3, 3"),
        (lambda path: save(path, label(0), (1, 1, 1)), "does not lie where"),
    ],
)
def test_a_prediction_elsewhere_is_no_dice_of_0_but_an_error(folders, spoil, problem):
    spoil(folders[0] / "case0.nii.gz")
    evaluation = evaluate(folders)
    assert set(evaluation.metrics["case"]) == {f"case{number}" for number in range(1, 5)}
    assert [each["case"] for each in evaluation.summary["not_evaluated"]] == ["case0"]
    with pytest.raises(InputError, match=problem):
        evaluation.check()


def test_whatever_goes_wrong_with_one_case_the_others_are_evaluated(folders, monkeypatch):
    def read(path, like, allowed):
        if "case2" in path.name:
            raise MemoryError("no room for 80 GB")
        return read_label(path, like, allowed)

    monkeypatch.setattr(label_pair, "read_label", read)
    evaluation = evaluate(folders)
    assert evaluation.metrics["case"].nunique() == 4
    with pytest.raises(InputError, match=r"case case2 cannot be evaluated\n.*MemoryError: no room for 80 GB"):
        evaluation.check()


def test_values_that_no_name_is_given_for_are_background_and_said(folders):
    whole, lv = evaluate(folders).metrics, evaluate(folders, structures=["lv=3"])
    expected = whole[whole["structure"] == "lv"].reset_index(drop=True)
    pd.testing.assert_frame_equal(lv.metrics, expected)
    assert lv.summary["unnamed_values"] == {"labels": {"2": 5}, "predictions": {"2": 5}}
    assert "values that no structure has, in the labels, taken as background: 2 (in 5)" in lv.describe()
    lv.check()


def test_without_a_given_structure_every_value_must_have_a_name(folders):
    (folders[1] / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "lv": 3}}))
    with pytest.raises(InputErrors, match="label values that mean nothing here"):
        evaluate(folders, structures=[])


def test_a_given_structure_wins_over_a_dataset_json_that_cannot_be_read(folders):
    (folders[1] / "dataset.json").write_text("{half")
    assert set(evaluate(folders).metrics["structure"]) == {"lv", "myo"}
    with pytest.raises(InputError, match=r"dataset\.json"):
        evaluate(folders, structures=["lv"])


def other_values(path: Path) -> None:
    save(path, np.asarray(nib.load(path).dataobj) * 10)


def nothing_in_it(path: Path) -> None:
    save(path, np.zeros((16, 14, 6)))


def mirrored(path: Path) -> None:
    save(path, np.roll(np.asarray(nib.load(path).dataobj), 8, 1))


@pytest.mark.parametrize(
    ("side", "spoil", "found"),
    [
        (0, other_values, "none in any prediction; values that no structure has in the predictions: 20, 30"),
        (0, nothing_in_it, "none in any prediction"),
        (1, other_values, "no structure in any label"),
        (1, nothing_in_it, "no structure in any label"),
    ],
)
def test_scores_that_are_all_0_are_an_error_after_the_tables_were_written(folders, side, spoil, found):
    for path in folders[side].glob("*.nii.gz"):
        spoil(path)
    evaluation = evaluate(folders)
    assert (folders[0] / "report" / "metrics.csv").is_file()
    with pytest.raises(InputError, match=rf"every score is 0(.|\n)*{found}(.|\n)*--structure NAME=VALUE"):
        evaluation.check()


def test_one_score_above_0_is_a_result(folders):
    for path in list(folders[0].glob("*.nii.gz"))[1:]:
        nothing_in_it(path)
    evaluate(folders).check()


@pytest.mark.parametrize("name", ["NA", "nan", "None", "null", "=1+1", "\x1b[31mred"])
def test_a_case_of_any_name_is_evaluated_and_read_again(folders, name):
    for side, ending in ((0, ""), (1, "_gt")):
        path = folders[side] / f"case0{ending}.nii.gz"
        path.rename(folders[side] / f"{name}{ending}.nii.gz")
    evaluation = evaluate(folders, structures=["NA=3", "nan=2"])
    read = Evaluated.read(folders[0] / "report")
    assert name in set(read.metrics["case"])
    assert set(read.metrics["structure"]) == {"NA", "nan"}
    assert "\x1b" not in evaluation.describe()


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
