import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.losses import global_weighted_rank_pooling
from tests.losses.oracle import Array, probabilities, random_logits


def written_out(scores: Array, decay: float) -> float:
    """P2 eq. 3 for one class of one image; numpy's 0⁰ is 1."""
    weights = np.power(float(decay), np.arange(scores.size))
    return float((weights * np.sort(scores.ravel())[::-1]).sum() / weights.sum())


def ramp(pixels: int) -> torch.Tensor:
    """Scores from 1 down to almost 0, evenly, of one class in one image."""
    return (1 - torch.arange(pixels, dtype=torch.float64) / pixels).reshape(1, 1, pixels)


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.996, 1.0])
@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_3_in_any_dimension(decay: float, spatial: tuple[int, ...]) -> None:
    logits = random_logits(2, 3, *spatial)
    expected = [[written_out(scores, decay) for scores in image] for image in probabilities(logits)]
    found = global_weighted_rank_pooling(logits.log_softmax(1), decay).exp()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_each_class_of_each_image_may_have_its_own_decay() -> None:
    logits, decay = random_logits(2, 2, 5), torch.tensor([[0.0, 1.0], [0.5, 0.9]])
    scores = probabilities(logits)
    expected = [[written_out(scores[i, k], float(decay.double()[i, k])) for k in range(2)] for i in range(2)]
    found = global_weighted_rank_pooling(logits.log_softmax(1), decay).exp()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_decay_0_is_the_maximum_and_decay_1_the_mean() -> None:
    log_probs = random_logits(2, 3, 4, 5).log_softmax(1)
    maximum, mean = (global_weighted_rank_pooling(log_probs, decay).exp() for decay in (0.0, 1.0))
    torch.testing.assert_close(maximum, log_probs.exp().amax((2, 3)))
    torch.testing.assert_close(mean, log_probs.exp().mean((2, 3)))


@settings(max_examples=30)
@given(seed=st.integers(0, 99), decays=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_larger_decay_never_scores_higher(seed: int, decays: tuple[float, float]) -> None:
    log_probs = random_logits(1, 2, 9, seed=seed).log_softmax(1)
    low, high = (global_weighted_rank_pooling(log_probs, decay) for decay in sorted(decays))
    assert (low >= high - 1e-12).all()


def test_the_order_of_the_pixels_does_not_matter() -> None:
    log_probs = random_logits(1, 3, 20).log_softmax(1)
    shuffled = log_probs[..., torch.randperm(20, generator=torch.Generator().manual_seed(0))]
    torch.testing.assert_close(
        global_weighted_rank_pooling(shuffled, 0.7), global_weighted_rank_pooling(log_probs, 0.7)
    )


def test_the_complement_ranked_by_the_scores_is_one_minus_their_pooling() -> None:
    log_probs = random_logits(2, 3, 4, 5).log_softmax(1)
    rest = torch.log1p(-log_probs.exp())
    for decay in (0.0, 0.9, 1.0):
        pooled = global_weighted_rank_pooling(log_probs, decay).exp()
        complement = global_weighted_rank_pooling(rest, decay, rank_by=log_probs).exp()
        torch.testing.assert_close(complement, 1 - pooled)


def test_the_reference_makes_the_papers_decays_mean_the_same_at_every_resolution() -> None:
    at_41, at_82 = ramp(41**2).log(), ramp(82**2).log()
    for decay in (0.996, 0.999):
        as_in_the_paper = global_weighted_rank_pooling(at_41, decay).item()
        rescaled = global_weighted_rank_pooling(at_82, decay, reference_pixels=41**2).item()
        assert rescaled == pytest.approx(as_in_the_paper, abs=1e-3)
        assert global_weighted_rank_pooling(at_82, decay).item() != pytest.approx(as_in_the_paper, abs=1e-2)
    exact = written_out(ramp(82**2).numpy(), 0.996 ** (1 / 4))
    assert global_weighted_rank_pooling(at_82, 0.996, reference_pixels=41**2).exp().item() == pytest.approx(exact)


def test_the_papers_decays_give_half_the_weight_to_the_top_10_and_30_percent() -> None:
    for decay, share in ((0.996, 0.1), (0.999, 0.3)):
        top = torch.zeros(1, 1, 1681, dtype=torch.float64)
        top[..., : round(share * 1681)] = 1
        assert global_weighted_rank_pooling(top.log(), decay).exp().item() == pytest.approx(0.5, abs=0.03)


def test_pixels_outside_the_domain_are_not_ranked_and_do_not_count_for_the_resolution() -> None:
    logits = random_logits(2, 2, 3, 4)
    domain = torch.ones(2, 3, 4, dtype=torch.bool)
    domain[0, :, 3] = False
    domain[1, 0] = False
    log_probs = logits.log_softmax(1)
    found = global_weighted_rank_pooling(log_probs, 0.9, domain=domain, reference_pixels=20)
    for image, inside in enumerate(domain):
        alone = global_weighted_rank_pooling(log_probs[image : image + 1, :, inside], 0.9, reference_pixels=20)
        torch.testing.assert_close(found[image : image + 1], alone)


@settings(max_examples=10)
@given(seed=st.integers(0, 99), decay=st.sampled_from([0.0, 0.5, 0.996, 1.0]))
def test_gradient_is_right(seed: int, decay: float) -> None:
    logits = random_logits(1, 2, 2, 3, seed=seed).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: global_weighted_rank_pooling(x.log_softmax(1), decay), logits)


@pytest.mark.parametrize("decay", [0.0, 0.996, 1.0])
def test_scores_that_no_float_can_hold_keep_their_logarithm_and_gradient(decay: float) -> None:
    log_scores = torch.full((1, 1, 50), -2e4, requires_grad=True)
    pooled = global_weighted_rank_pooling(log_scores, decay)
    (gradient,) = torch.autograd.grad(pooled, log_scores)
    assert pooled.item() == pytest.approx(-2e4)
    assert gradient.sum().item() == pytest.approx(1)


def test_a_score_near_1_on_many_pixels_keeps_its_digits_in_float32() -> None:
    scores = torch.full((1, 1, 256, 256), -1e-4)
    for decay in (0.999, 1.0):
        found = global_weighted_rank_pooling(scores, decay, reference_pixels=1681).item()
        assert found == pytest.approx(-1e-4, abs=3e-7)


def test_a_wrong_decay_shape_or_number_of_pixels_is_refused() -> None:
    scores = torch.zeros(2, 3, 4)
    for decay in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"decay must be from 0 .* to 1"):
            global_weighted_rank_pooling(scores, decay)
    with pytest.raises(ValueError, match=r"decay .* \(B, K\) = \(2, 3\), found \(3,\)"):
        global_weighted_rank_pooling(scores, torch.ones(3))
    with pytest.raises(ValueError, match=r"domain .* = \(2, 4\), found \(2, 5\)"):
        global_weighted_rank_pooling(scores, 0.5, domain=torch.ones(2, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="reference_pixels must be a finite number above 0, found 0"):
        global_weighted_rank_pooling(scores, 0.5, reference_pixels=0)
