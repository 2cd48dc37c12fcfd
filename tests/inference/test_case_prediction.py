from pathlib import Path

import numpy as np
import pytest
import torch

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.config.mean_field import MeanFieldConfig
from medsize.data.prepare import find_split_cases, of_split, prepare_slices
from medsize.data.volumes import Volume, read_volume
from medsize.inference.case_prediction import predict_case, scale_to_unit
from tests.agreement import assert_same_but_for_ties
from tests.evaluation.fabricated import IntensityNetwork

ON_CPU = {"device": torch.device("cpu"), "precision": torch.float32}


def volume(array, spacing_mm=(1.0, 1.0, 1.0)) -> Volume:
    return Volume(array.astype(np.float32), np.diag([*spacing_mm, 1.0]), spacing_mm, Path("image.nii.gz"))


class Seen(IntensityNetwork):
    """Keeps the slices that it was given."""

    def forward(self, image):
        self.images = [*getattr(self, "images", []), *image.clone()]
        return super().forward(image)


def test_the_network_sees_exactly_the_slices_of_the_store(tiny_config):
    found = find_split_cases(tiny_config.data)
    case = of_split(found.cases, "train")[0]
    store = prepare_slices(tiny_config.data, found)
    network = Seen(2)
    predict_case(network, read_volume(case.image), tiny_config.data.preprocessing, batch_size=2, **ON_CPU)
    np.testing.assert_array_equal(torch.stack(network.images), store.images[store.rows([case.id])])


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_on_the_cases_own_grid_the_prediction_is_the_networks(batch_size):
    array = np.random.default_rng(0).random((16, 16, 5)) * 1000
    network = IntensityNetwork(2).look_for("lv")
    predicted = predict_case(network, volume(array), PaperPreprocessing(size=16), batch_size=batch_size, **ON_CPU)
    unit = scale_to_unit(array.astype(np.float32))
    assert predicted.dtype == np.uint8
    np.testing.assert_array_equal(predicted, unit > (0.28 + 0.78) / 2)


def test_the_prediction_lies_where_the_structure_lies_whatever_the_grids():
    x, y = np.mgrid[:60, :40]
    disc = (np.hypot(x - 40, (y - 12) * 1.5) < 10)[:, :, None].repeat(2, 2)
    network = IntensityNetwork(2).look_for("lv")
    for preprocessing in (PaperPreprocessing(size=64), PhysicalPreprocessing(name="physical", size=96, spacing_mm=1)):
        predicted = predict_case(network, volume(disc, (1.0, 1.5, 8.0)), preprocessing, batch_size=4, **ON_CPU)
        assert predicted.shape == disc.shape
        overlap = 2 * (disc & (predicted == 1)).sum() / (disc.sum() + (predicted == 1).sum())
        assert overlap > 0.95


def test_what_the_slice_does_not_reach_is_background():
    bright = np.ones((40, 40, 1))
    bright[0, 0] = 0
    network = IntensityNetwork(2).look_for("lv")
    preprocessing = PhysicalPreprocessing(name="physical", size=20, spacing_mm=1)
    predicted = predict_case(network, volume(bright), preprocessing, batch_size=1, **ON_CPU)
    expected = np.zeros((40, 40, 1))
    expected[10:30, 10:30] = 1
    np.testing.assert_array_equal(predicted, expected)


class Uncertain(IntensityNetwork):
    """Errs at random in many pixels, in every slice in the same ones."""

    def forward(self, image):
        logits = super().forward(image)
        return logits + torch.randn(logits.shape[1:], generator=torch.Generator().manual_seed(1))


def bright_square() -> tuple[np.ndarray, np.ndarray]:
    """An image of a square that differs little from what surrounds it, on a scale from 0 to 1, and the square."""
    square = np.zeros((32, 32, 5), np.bool_)
    square[9:23, 8:20] = True
    image = np.where(square, 0.65, 0.45) + np.random.default_rng(2).normal(0, 0.02, square.shape)
    image[0, 0], image[0, 1] = 0, 1
    return image, square


def dice(predicted: np.ndarray, true: np.ndarray) -> float:
    return 2 * np.count_nonzero(true & (predicted == 1)) / (np.count_nonzero(true) + np.count_nonzero(predicted))


def predict_square(**options) -> np.ndarray:
    image, _ = bright_square()
    network = Uncertain(2).look_for("lv", sharpness=20)
    options = {"batch_size": 2, "refine": MeanFieldConfig().build()} | options
    return predict_case(network, volume(image), PaperPreprocessing(size=32), **options, **ON_CPU)


def test_a_crf_brings_a_noisy_prediction_to_the_edges_of_the_image():
    _, square = bright_square()
    assert dice(predict_square(refine=None), square) < 0.75
    assert dice(predict_square(), square) > 0.95


@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_refined_prediction_repeats_itself_whatever_the_batch(batch_size):
    assert_same_but_for_ties(predict_square(batch_size=batch_size), predict_square())


def test_a_refinement_that_changes_nothing_changes_nothing():
    unchanged = predict_square(refine=lambda probs, image, *, domain: probs)
    np.testing.assert_array_equal(unchanged, predict_square(refine=None))


def test_what_the_network_says_of_the_padding_has_no_say_in_a_refinement():
    domain = np.zeros((48, 48), np.bool_)
    domain[8:40, 8:40] = True
    image, _ = bright_square()
    preprocessing = PhysicalPreprocessing(name="physical", size=48, spacing_mm=1)
    refine = MeanFieldConfig().build()

    class SaysOfPadding(IntensityNetwork):
        lv = 0.0

        def forward(self, image):
            return torch.where(
                torch.from_numpy(domain), super().forward(image), torch.tensor([0, self.lv])[:, None, None]
            )

    def predict(lv: float, refine) -> np.ndarray:
        network = SaysOfPadding(2).look_for("lv", sharpness=2)
        network.lv = lv
        return predict_case(network, volume(image), preprocessing, batch_size=4, refine=refine, **ON_CPU)

    def blind(probs, image, *, domain):
        return refine(probs, image)

    np.testing.assert_array_equal(predict(-50, refine), predict(50, refine))
    assert (predict(-50, blind) != predict(50, blind)).any()
