import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.losses import ExpandLoss, Prediction, expand
from tests.losses.oracle import probabilities, random_batch, random_logits
from tests.losses.test_rank_pooling import written_out as pooled


def written_out(logits: torch.Tensor, tags: torch.Tensor) -> float:
    """P2 eq. 4 with the paper's decays at the image's resolution."""
    costs = []
    for probs, present in zip(probabilities(logits), tags.tolist(), strict=True):
        exponent = 1681 / probs[0].size
        cost = -math.log(pooled(probs[0], 0.999**exponent))
        inside = [-math.log(pooled(p, 0.996**exponent)) for p, tag in zip(probs[1:], present[1:], strict=True) if tag]
        outside = [-math.log(1 - p.max()) for p, tag in zip(probs[1:], present[1:], strict=True) if not tag]
        costs.append(cost + sum(inside) / max(len(inside), 1) + sum(outside) / max(len(outside), 1))
    return float(np.mean(costs))


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_4_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, tags = random_logits(3, 5, *spatial), random_batch(3, 5, *spatial)["tags"]
    assert ExpandLoss()(logits, tags).item() == pytest.approx(written_out(logits, tags), rel=1e-12)


@pytest.mark.parametrize("tags", [[True, False, False], [True, True, True], [False, True, False]])
def test_a_mean_over_no_class_is_left_out_and_the_background_is_always_present(tags: list[bool]) -> None:
    logits, row = random_logits(1, 3, 4, 5), torch.tensor([tags])
    assert ExpandLoss()(logits, row).item() == pytest.approx(written_out(logits, row), rel=1e-12)


def test_the_decays_are_those_that_are_given() -> None:
    logits, tags = random_logits(1, 3, 9), torch.tensor([[True, True, False]])
    background, present, absent = probabilities(logits)[0]
    loss = ExpandLoss(decay_present=0.5, decay_absent=1.0, decay_background=0.0, reference_pixels=None)
    expected = -math.log(pooled(present, 0.5)) - math.log(1 - absent.mean()) - math.log(background.max())
    assert loss(logits, tags).item() == pytest.approx(expected, rel=1e-12)


def test_each_image_of_a_batch_is_ranked_over_its_own_domain() -> None:
    logits, tags = random_logits(2, 3, 4, 4), random_batch(2, 3, 4, 4)["tags"]
    domain = torch.ones(2, 4, 4, dtype=torch.bool)
    domain[0, 3:] = False
    alone = [ExpandLoss()(logits[:1, :, :3], tags[:1]), ExpandLoss()(logits[1:], tags[1:])]
    torch.testing.assert_close(ExpandLoss()(Prediction(logits, domain), tags), torch.stack(alone).mean())


@settings(max_examples=10)
@given(seed=st.integers(0, 99))
def test_gradient_is_right(seed: int) -> None:
    tags, loss = random_batch(2, 4, 2, 3, seed=seed)["tags"], ExpandLoss()
    assert torch.autograd.gradcheck(lambda x: loss(x, tags), random_logits(2, 4, 2, 3, seed=seed).requires_grad_())


def test_renaming_the_foreground_classes_changes_nothing() -> None:
    logits, tags = random_logits(2, 4, 3, 4), random_batch(2, 4, 3, 4)["tags"]
    order = [0, 3, 1, 2]
    torch.testing.assert_close(ExpandLoss()(logits[:, order], tags[:, order]), ExpandLoss()(logits, tags))


@pytest.mark.parametrize("log_probability", [math.log(1e-3), math.log(1e-30), -2e4])
def test_a_present_class_that_is_forgotten_is_raised_in_all_its_pixels_as_far_as_they_count(
    log_probability: float,
) -> None:
    logits = torch.tensor([0.0, log_probability]).reshape(1, 2, 1).repeat(1, 1, 20).requires_grad_()
    value = ExpandLoss(reference_pixels=None)(logits, torch.tensor([[True, True]]))
    value.backward()
    assert value.isfinite()
    assert logits.grad is not None
    assert (logits.grad[:, 1] < 0).all()
    assert logits.grad[:, 1].sum().item() == pytest.approx(-1, abs=2e-3)


def test_an_absent_class_that_fills_the_image_costs_a_finite_amount_and_is_pushed_down() -> None:
    logits = torch.tensor([[[0.0], [1000.0]]]).repeat(1, 1, 4).requires_grad_()
    value = ExpandLoss(decay_absent=1.0)(logits, torch.tensor([[True, False]]))
    value.backward()
    assert value.item() == pytest.approx(2000)  # the background is gone as well
    assert logits.grad is not None
    assert (logits.grad[0, 1] > 0).all()


def test_an_absent_class_of_probability_1e_minus_30_is_still_pushed_down() -> None:
    logits = torch.tensor([[[0.0], [math.log(1e-30)]]]).requires_grad_()
    ExpandLoss()(logits, torch.tensor([[True, False]])).backward()
    assert logits.grad is not None
    assert logits.grad[0, 1, 0].item() == pytest.approx(2e-30, rel=1e-4)


def test_by_default_only_the_worst_pixel_of_an_absent_class_is_pushed_down() -> None:
    logits = torch.zeros(1, 3, 4)
    logits[0, 2, 1] = 3.0
    logits.requires_grad_()
    tags = torch.tensor([[True, True, False]])
    worst, background_only = ExpandLoss()(logits, tags), ExpandLoss()(logits, torch.tensor([[True, True, True]]))
    (gradient,) = torch.autograd.grad(worst - background_only, logits)
    assert gradient[0, 2].argmax() == 1
    assert gradient[0, 2, 1] > 0


def test_images_without_tags_are_left_out_of_the_mean() -> None:
    logits, tags = random_logits(2, 3, 4), torch.tensor([[False, False, False], [True, True, False]])
    torch.testing.assert_close(ExpandLoss()(logits, tags), ExpandLoss()(logits[1:], tags[1:]))


def test_a_network_of_the_background_alone_has_nothing_to_learn() -> None:
    logits = torch.zeros(1, 1, 4, requires_grad=True)
    value = ExpandLoss()(logits, torch.tensor([[True]]))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_wrong_tags_decays_and_numbers_of_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tags .* = \(1, 3\), found \(1, 2\)"):
        expand(torch.zeros(1, 3, 4), torch.tensor([[True, False]]))
    with pytest.raises(ValueError, match="tags must be bool"):
        expand(torch.zeros(1, 2, 4), torch.tensor([[1.0, 0.0]]))
    with pytest.raises(ValueError, match=r"decay_absent must be from 0 .* found 1\.5"):
        ExpandLoss(decay_absent=1.5)
    with pytest.raises(ValueError, match="reference_pixels must be a finite number above 0, found 0"):
        ExpandLoss(reference_pixels=0)
