from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.annotation.practice import Practice
from tests.annotation.conftest import OpenTiny, answer


@pytest.fixture
def label(tiny_acdc: Path) -> np.ndarray:
    path = tiny_acdc / "training" / "patient001" / "patient001_frame01_gt.nii.gz"
    return np.asarray(nib.load(path).dataobj)


@pytest.mark.parametrize(("unit", "whole"), [("cells 5x4", 20), ("cells 3x3", 9), ("percent", 100)])
def test_the_truth_of_a_slice_is_in_the_answers_unit(open_tiny: OpenTiny, label: np.ndarray, unit: str, whole: int):
    practice = Practice(open_tiny(practice=True))
    expected = np.mean(label[:, :, 1] == 3) * whole
    assert practice.truth(answer(slice=1, unit=unit)) == pytest.approx(expected)
    given = answer(slice=1, unit=unit, value=expected * 0.8)
    assert practice.feedback(given)["error"] == pytest.approx(-0.2)


def test_the_truth_of_a_case_is_in_ml(open_tiny: OpenTiny, label: np.ndarray):
    practice = Practice(open_tiny(practice=True, level="volume"))
    expected = np.sum(label == 2) * 1.5 * 1.5 * 8 / 1000
    assert practice.truth(answer(slice=None, unit="ml", structure="myo")) == pytest.approx(expected)


def test_a_range_stands_for_its_middle_and_no_size_for_none(open_tiny: OpenTiny):
    practice = Practice(open_tiny(practice=True))
    assert practice.feedback(answer(value=None, low=1, high=2))["said"] == 1.5
    assert practice.feedback(answer(value=None))["error"] is None


def test_the_summary_is_mre_over_images_with_the_structure_and_seconds_an_image(open_tiny: OpenTiny):
    practice = Practice(open_tiny(practice=True))
    truths = {(s, k): practice.truth(answer(slice=k, structure=s)) for s in ("lv", "myo") for k in (0, 1)}
    given = [
        answer(1, slice=0, structure="lv", value=truths["lv", 0] * 1.1, seconds=4),
        answer(2, slice=0, structure="myo", value=truths["myo", 0] * 0.7, seconds=2),
        answer(3, slice=1, structure="lv", value=truths["lv", 1] * 0.9, seconds=6),
        answer(4, slice=1, structure="myo", value=None, seconds=2),
    ]
    summary = practice.summary(given)
    assert summary["structures"]["lv"]["mre"] == pytest.approx(0.1)
    assert summary["structures"]["myo"] == {
        "mre": pytest.approx(0.3),
        "answers": 1,
        "absent": {"images": 0, "right": 0},
    }
    assert summary["all"]["mre"] == pytest.approx(0.5 / 3)
    assert (summary["seconds"], summary["images"]) == (7, 2)


def test_what_is_absent_has_no_relative_error(open_tiny: OpenTiny, monkeypatch: pytest.MonkeyPatch):
    practice = Practice(open_tiny(practice=True))
    monkeypatch.setattr(practice, "truth", lambda answer: 0.0)
    given = [answer(1, value=0), answer(2, slice=1, value=3)]
    assert practice.feedback(given[1])["error"] is None
    assert practice.summary(given)["all"] == {"mre": None, "answers": 0, "absent": {"images": 2, "right": 1}}


def test_nobody_who_answered_nothing_is_measured(open_tiny: OpenTiny):
    summary = Practice(open_tiny(practice=True)).summary([])
    assert (summary["seconds"], summary["all"]["mre"]) == (None, None)
