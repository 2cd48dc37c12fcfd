from pathlib import Path

import numpy as np
import pytest
import torch

from medsize.data.volumes import read_volume
from medsize.errors import InputError
from medsize.inference.case_prediction import CaseSlices
from medsize.inference.ensemble import Ensemble
from medsize.inference.load import Predictor
from medsize.inference.options import NETWORK_ALONE, PredictionOptions
from tests.conftest import tiny_run_config
from tests.evaluation.fabricated import fabricate_run

pytestmark = pytest.mark.usefixtures("intensity_network")


@pytest.fixture
def image(tiny_acdc):
    return read_volume(tiny_acdc / "training" / "patient001" / "patient001_frame01.nii.gz")


@pytest.fixture
def run_of_other_slices(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    preprocessing = "data.preprocessing={name: physical, size: 24, spacing_mm: 1.5}"
    return fabricate_run(tmp_path / "physical", tiny_run_config(tiny_acdc, tiny_cache, preprocessing), best=False)


def load(*runs, options=NETWORK_ALONE, batch_size=None) -> Ensemble:
    return Ensemble.load(runs, "last", "cpu", options, batch_size)


def whole_probabilities(run, volume) -> np.ndarray:
    """(K, X, Y, Z), by the whole grid at once."""
    predictor = Predictor.load(run, "last", "cpu")
    case = CaseSlices.of(volume, predictor.config.data.preprocessing)
    with torch.inference_mode():
        probabilities = predictor.network(torch.from_numpy(np.ascontiguousarray(case.slices))).softmax(1)
    return case.grid.to_case(probabilities.permute(1, 2, 3, 0)).numpy()


@pytest.mark.parametrize("options", [NETWORK_ALONE, PredictionOptions(tta=True, keep_largest=True, crf=True)])
def test_one_run_alone_predicts_what_its_predictor_does(run_of_all, image, options):
    expected = Predictor.load(run_of_all, "last", "cpu").with_options(options).predict(image)
    np.testing.assert_array_equal(load(run_of_all, options=options).predict(image), expected)


def test_probabilities_are_averaged_on_the_images_grid_whatever_the_slices(run_of_lv, run_of_other_slices, image):
    ensemble = load(run_of_lv, run_of_other_slices, batch_size=2)
    probabilities = np.zeros((1, *image.array.shape), np.float32)
    classes = ensemble.predict(image, probabilities)
    mean = (whole_probabilities(run_of_lv, image) + whole_probabilities(run_of_other_slices, image)) / 2
    np.testing.assert_allclose(probabilities, mean[1:], atol=1e-5)
    clear = np.abs(mean[1] - 0.5) > 1e-4
    np.testing.assert_array_equal(classes[clear], mean.argmax(0)[clear])


def test_a_run_averaged_with_itself_is_itself(run_of_all, image):
    np.testing.assert_array_equal(load(run_of_all, run_of_all).predict(image), load(run_of_all).predict(image))


def test_batches_fit_the_run_that_was_trained_with_the_smallest(tiny_acdc, tiny_cache, tmp_path):
    sizes = [
        fabricate_run(tmp_path / str(n), tiny_run_config(tiny_acdc, tiny_cache, f"training.batch_size={n}"), best=False)
        for n in (5, 3, 7)
    ]
    assert {member.batch_size for member in load(*sizes).members} == {3}


def test_runs_of_other_structures_are_refused(run_of_all, run_of_lv):
    with pytest.raises(InputError, match=r"cannot be averaged(.|\n)*rv: 1, myo: 2, lv: 3(.|\n)*found: +lv: 3"):
        load(run_of_all, run_of_lv)


def test_flips_are_refused_of_a_run_trained_without(tiny_acdc, tiny_cache, tmp_path):
    config = tiny_run_config(tiny_acdc, tiny_cache, "training.augmentation.flip=0")
    run = fabricate_run(tmp_path / "run", config, best=False)
    with pytest.raises(InputError, match=r"flip: 0\n(.|\n)*leave out --tta"):
        load(run, options=PredictionOptions(tta=True))
