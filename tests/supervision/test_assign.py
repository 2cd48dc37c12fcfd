"""Labels with given sizes, against an exact assignment by the Hungarian algorithm."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from medsize.supervision.assign import assign


def _log_probs(classes: int, pixels: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(classes, pixels, generator=generator)).log_softmax(0)


def _best_sum(log_probs: Tensor, counts: np.ndarray) -> float:
    places = log_probs.double().numpy().repeat(counts, axis=0)
    rows, columns = linear_sum_assignment(places, maximize=True)
    return float(places[rows, columns].sum())


@pytest.mark.parametrize("seed", range(40))
def test_the_labels_are_the_most_probable_of_all_that_have_the_sizes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, pixels = int(rng.integers(2, 6)), int(rng.integers(8, 120))
    counts = rng.multinomial(pixels, rng.dirichlet(np.ones(classes)))
    log_probs = _log_probs(classes, pixels, seed)

    labels = assign(log_probs, torch.from_numpy(counts.astype(np.float64)))

    assert torch.bincount(labels.long(), minlength=classes).tolist() == counts.tolist()
    found = float(log_probs.gather(0, labels.long().unsqueeze(0)).double().sum())
    assert found == pytest.approx(_best_sum(log_probs, counts), abs=1e-4)


def test_of_two_classes_the_object_is_its_most_probable_pixels() -> None:
    log_probs = _log_probs(2, 500, seed=1)
    order = (log_probs[1] - log_probs[0]).argsort(descending=True)

    labels = assign(log_probs, torch.tensor([377.0, 123.0]))

    assert set(labels.nonzero().squeeze(1).tolist()) == set(order[:123].tolist())


def test_counts_are_met_on_a_slice_of_smooth_logits() -> None:
    noise = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(2))
    log_probs = F.avg_pool2d(20 * noise, 9, 1, 4)[0].flatten(1).log_softmax(0)
    counts = [2400, 700, 596, 400]

    labels = assign(log_probs, torch.tensor(counts, dtype=torch.float64))

    assert torch.bincount(labels.long()).tolist() == counts


def test_what_has_no_size_is_left_to_the_network() -> None:
    log_probs = _log_probs(3, 300, seed=3)
    own = log_probs.argmax(0)

    assert assign(log_probs, torch.full((3,), torch.nan)).tolist() == own.tolist()

    one_known = assign(log_probs, torch.tensor([torch.nan, 20.0, torch.nan])).long()
    assert int((one_known == 1).sum()) == 20
    elsewhere = (own != 1) & (one_known != 1)
    assert one_known[elsewhere].tolist() == own[elsewhere].tolist()


def test_seeds_keep_their_class_even_where_they_are_more_than_their_count() -> None:
    log_probs = _log_probs(2, 100, seed=4)
    seeds = torch.full((100,), 255, dtype=torch.uint8)
    worst = (log_probs[1] - log_probs[0]).argsort()
    seeds[worst[:7]] = 1
    seeds[worst[-3:]] = 0

    many = assign(log_probs, torch.tensor([80.0, 20.0]), seeds)
    few = assign(log_probs, torch.tensor([96.0, 4.0]), seeds)

    for labels, count in ((many, 20), (few, 7)):
        assert (labels[seeds != 255] == seeds[seeds != 255]).all()
        assert int(labels.sum()) == count


def test_an_absent_class_gets_no_pixel() -> None:
    log_probs = _log_probs(3, 200, seed=5)
    labels = assign(log_probs, torch.tensor([150.0, 0.0, 50.0]))
    assert torch.bincount(labels.long(), minlength=3).tolist() == [150, 0, 50]


def test_sizes_that_exceed_the_image_are_cut_from_the_background_and_then_from_the_largest() -> None:
    log_probs = _log_probs(3, 100, seed=6)
    labels = assign(log_probs, torch.tensor([30.0, 90.0, 20.0]))
    assert torch.bincount(labels.long(), minlength=3).tolist() == [0, 80, 20]
