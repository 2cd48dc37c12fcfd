import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medsize.losses import ConstrainLoss, Prediction, constrain
from tests.losses.oracle import Array, probabilities, random_batch, random_logits


class Blur(nn.Module):
    """A refinement that can be differentiated: each pixel becomes the mean of itself and its neighbours in a row."""

    def forward(self, probs: Tensor, image: Tensor, *, domain: Tensor | None) -> Tensor:
        assert image.shape[2:] == probs.shape[2:]
        before, after = probs.roll(1, -1), probs.roll(-1, -1)
        return (before + probs + after) / 3


def divergence(refined: Array, probs: Array) -> Array:
    """KL(Q‖S) at each pixel, (B, *spatial)."""
    terms = np.where(refined > 0, refined * np.log(np.maximum(refined, 1e-300) / probs), 0)
    return np.asarray(terms.sum(1))


@pytest.mark.parametrize("through_crf", [False, True])
@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_5_in_any_dimension(spatial: tuple[int, ...], through_crf: bool) -> None:
    logits, image = random_logits(2, 3, *spatial), random_batch(2, 3, *spatial)["image"]
    probs = probabilities(logits)
    refined = Blur()(torch.from_numpy(probs), image, domain=None).numpy()
    found = ConstrainLoss(Blur(), through_crf)(logits, image)
    assert found.item() == pytest.approx(divergence(refined, probs).mean(), rel=1e-12)


def test_the_gradient_runs_through_the_refinement_if_asked_to() -> None:
    image, loss = random_batch(1, 3, 2, 3)["image"], ConstrainLoss(Blur(), through_crf=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, image), random_logits(1, 3, 2, 3).requires_grad_())


def test_by_default_the_refinement_is_a_constant_that_the_prediction_follows() -> None:
    logits, image = random_logits(2, 3, 2, 3).requires_grad_(), random_batch(2, 3, 2, 3)["image"]
    ConstrainLoss(Blur())(logits, image).backward()
    probs = torch.from_numpy(probabilities(logits))
    follows = (probs - Blur()(probs, image, domain=None)) / (2 * 6)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, follows)


def test_the_refinement_sees_the_domain_and_the_mean_is_over_each_images_own() -> None:
    logits, image = random_logits(2, 2, 4), random_batch(2, 2, 4)["image"]
    domain = torch.tensor([[True, True, True, True], [True, False, False, False]])
    seen = []

    def flatten(probs: Tensor, image: Tensor, *, domain: Tensor | None) -> Tensor:
        seen.append(domain)
        return torch.full_like(probs, 0.5)

    found = ConstrainLoss(flatten)(Prediction(logits, domain), image)
    each = divergence(np.full((2, 2, 4), 0.5), probabilities(logits))
    assert found.item() == pytest.approx((each[0].mean() + each[1, 0]) / 2, rel=1e-12)
    assert seen[0] is domain


def test_nothing_to_refine_costs_nothing_and_pulls_nowhere() -> None:
    logits = random_logits(2, 3, 4, 5).requires_grad_()
    for through_crf in (False, True):
        value = ConstrainLoss(lambda probs, image, domain: probs, through_crf)(logits, torch.zeros(2, 1, 4, 5))
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.item() == pytest.approx(0, abs=1e-15)
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-15, rtol=0)


def test_it_is_never_negative() -> None:
    for seed in range(20):
        log_probs = random_logits(2, 3, 4, seed=seed).log_softmax(1)
        assert constrain(log_probs, random_logits(2, 3, 4, seed=seed + 100).softmax(1)) > 0


def test_a_class_that_the_refinement_rules_out_costs_nothing_itself() -> None:
    log_probs = torch.tensor([0.25, 0.75]).log().reshape(1, 2, 1)
    refined = torch.tensor([0.0, 1.0]).reshape(1, 2, 1)
    assert constrain(log_probs, refined).item() == pytest.approx(-math.log(0.75))


@pytest.mark.parametrize("through_crf", [False, True])
def test_a_class_that_is_forgotten_but_refined_to_be_there_is_raised(through_crf: bool) -> None:
    def swap(probs: Tensor, image: Tensor, *, domain: Tensor | None) -> Tensor:
        return probs.flip(1)

    logits = torch.tensor([0.0, -1e4]).reshape(1, 2, 1).requires_grad_()
    value = ConstrainLoss(swap, through_crf)(logits, torch.zeros(1, 1, 1))
    value.backward()
    assert value.item() == pytest.approx(1e4)
    assert logits.grad is not None
    assert logits.grad[0, 1, 0].item() == pytest.approx(-1)


@pytest.mark.parametrize("through_crf", [False, True])
def test_other_losses_on_the_same_prediction_keep_their_gradient(through_crf: bool) -> None:
    prediction = Prediction(random_logits(1, 2, 3).requires_grad_())
    ConstrainLoss(Blur(), through_crf)(prediction, torch.zeros(1, 1, 3))
    assert prediction.probs.requires_grad
    assert prediction.log_probs.requires_grad


def test_a_refinement_of_another_shape_is_refused() -> None:
    loss = ConstrainLoss(lambda probs, image, domain: probs[:, :1])
    with pytest.raises(ValueError, match=r"refined prediction .* = \(1, 2, 3\), found \(1, 1, 3\)"):
        loss(torch.zeros(1, 2, 3), torch.zeros(1, 1, 3))
    with pytest.raises(ValueError, match=r"domain .* = \(1, 3\), found \(1, 4\)"):
        constrain(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), domain=torch.ones(1, 4, dtype=torch.bool))


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_at_less_resolution_it_is_that_of_the_means_over_blocks(spatial: tuple[int, ...]) -> None:
    logits, image = random_logits(2, 3, *spatial), random_batch(2, 3, *spatial)["image"]
    inside = random_batch(2, 3, *spatial)["label"] > 0
    inside.flatten(1)[:, 0] = True
    found = ConstrainLoss(Blur(), scale_down=2)(Prediction(logits, inside), image)
    probs, domain = probabilities(logits), inside.numpy()
    blocks = np.stack(np.meshgrid(*[np.arange(length) // 2 for length in spatial], indexing="ij"), -1)
    smaller = tuple((length + 1) // 2 for length in spatial)
    means, known = np.ones((2, 3, *smaller)), np.zeros((2, *smaller), bool)
    for number in range(2):
        for at in np.ndindex(smaller):
            block = (blocks == at).all(-1) & domain[number]
            known[(number, *at)] = block.any()
            if block.any():
                means[(number, slice(None), *at)] = probs[number][:, block].mean(1)
    zeroed = means * known[:, None]
    refined = Blur()(torch.from_numpy(zeroed), torch.zeros(2, 1, *smaller), domain=None).numpy()
    each = divergence(refined, means)
    expected = np.mean([each[number][known[number]].mean() for number in range(2)])
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_a_resolution_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="scale_down"):
        ConstrainLoss(Blur(), scale_down=0)
