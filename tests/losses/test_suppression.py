import math

import numpy as np
import pytest
import torch

from medsize.losses import SuppressionLoss, suppression
from tests.losses.oracle import averages, random_batch, random_logits


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_8_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, tags = random_logits(3, 4, *spatial), random_batch(3, 4, *spatial)["tags"]
    rows = zip(averages(logits), tags, strict=True)
    expected = np.mean([-sum(math.log(1 - s) for s, tag in zip(*row, strict=True) if not tag) for row in rows])
    assert SuppressionLoss()(logits, tags).item() == pytest.approx(expected, rel=1e-12)


def test_gradient_is_right() -> None:
    tags, loss = random_batch(2, 3, 2, 3)["tags"], SuppressionLoss()
    assert torch.autograd.gradcheck(lambda x: loss(x, tags), random_logits(2, 3, 2, 3).requires_grad_())


def test_an_absent_class_that_fills_the_image_costs_a_finite_amount_and_is_pushed_down() -> None:
    logits = torch.tensor([[[0.0], [1000.0]]]).repeat(1, 1, 4).requires_grad_()
    value = SuppressionLoss()(logits, torch.tensor([[True, False]]))
    value.backward()
    assert value.item() == pytest.approx(1000)
    assert logits.grad is not None
    assert (logits.grad[0, 1] > 0).all()
    assert logits.grad.isfinite().all()


def test_an_absent_class_of_probability_1e_minus_30_costs_nothing_and_is_still_pushed_down() -> None:
    logits = torch.tensor([[[0.0], [math.log(1e-30)]]]).requires_grad_()
    value = SuppressionLoss()(logits, torch.tensor([[True, False]]))
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert logits.grad is not None
    assert logits.grad[0, 1, 0].item() == pytest.approx(1e-30, rel=1e-4)


def test_nothing_absent_costs_nothing_but_counts_as_an_image() -> None:
    log_average = torch.tensor([[0.5, 0.5], [0.6, 0.4]]).log()
    tags = torch.tensor([[True, True], [True, False]])
    assert suppression(log_average, tags).item() == pytest.approx(-math.log(0.6) / 2)


def test_images_without_tags_are_left_out_of_the_mean() -> None:
    log_average = torch.tensor([[0.5, 0.5], [0.6, 0.4]]).log()
    tags = torch.tensor([[False, False], [True, False]])
    assert suppression(log_average, tags).item() == pytest.approx(-math.log(0.6))


def test_a_network_of_one_class_has_nothing_to_suppress() -> None:
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    value = SuppressionLoss()(logits, torch.tensor([[True]]))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_tags_of_the_wrong_shape_or_type_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tags .* = \(1, 3\), found \(1, 2\)"):
        suppression(torch.zeros(1, 3), torch.tensor([[True, False]]))
    with pytest.raises(ValueError, match="tags must be bool"):
        suppression(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
