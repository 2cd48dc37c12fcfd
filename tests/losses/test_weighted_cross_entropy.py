import numpy as np
import pytest
import torch

from medsize.losses import CrossEntropyLoss, WeightedCrossEntropyLoss, effective_number_weights, weighted_cross_entropy
from tests.losses.oracle import probabilities, random_batch, random_logits

COUNTS = (1674.0, 900.0, 40.0)


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_5_as_a_mean_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, label = random_logits(2, 3, *spatial), random_batch(2, 3, *spatial)["label"]
    raw = np.array([1 / (1 - 0.99**n) for n in COUNTS])
    w = raw / raw.mean()
    probs, classes = probabilities(logits).reshape(2, 3, -1), label.flatten(1).numpy()
    costs = [-w[k] * np.log(probs[i, k, p]) for i in range(2) for p, k in enumerate(classes[i])]
    assert WeightedCrossEntropyLoss(COUNTS, 0.99)(logits, label).item() == pytest.approx(np.mean(costs), rel=1e-6)


def test_weights_have_mean_1_and_go_from_equal_to_inverse_frequency() -> None:
    torch.testing.assert_close(effective_number_weights(COUNTS, 0), torch.ones(3, dtype=torch.float64))
    inverse = 1 / torch.tensor(COUNTS, dtype=torch.float64)
    torch.testing.assert_close(effective_number_weights(COUNTS, 1 - 1e-12), inverse / inverse.mean(), rtol=1e-4, atol=0)
    weights = effective_number_weights(COUNTS, 0.99)
    assert weights.mean() == pytest.approx(1)
    assert weights[2] > weights[1] > weights[0]


def test_counts_of_pixels_do_not_overflow() -> None:
    assert effective_number_weights([1e12, 1.0], 0.9999).isfinite().all()


def test_at_beta_0_it_is_the_cross_entropy() -> None:
    logits, label = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)["label"]
    torch.testing.assert_close(WeightedCrossEntropyLoss(COUNTS, 0)(logits, label), CrossEntropyLoss()(logits, label))


def test_gradient_is_right() -> None:
    label = random_batch(2, 3, 2, 3)["seeds"]
    loss = WeightedCrossEntropyLoss(COUNTS, 0.99)
    assert torch.autograd.gradcheck(lambda x: loss(x, label), random_logits(2, 3, 2, 3).requires_grad_())


def test_wrong_counts_beta_or_number_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"counts must be .* above 0 for every class, found \[1, 0\]"):
        WeightedCrossEntropyLoss([1, 0])
    with pytest.raises(ValueError, match="beta must be at least 0 and below 1, found 1"):
        WeightedCrossEntropyLoss([1, 2], 1)
    with pytest.raises(ValueError, match=r"class weights .* \(K,\) = \(3,\), found \(2,\)"):
        weighted_cross_entropy(torch.zeros(1, 3, 4), torch.zeros(1, 4, dtype=torch.uint8), torch.ones(2))
