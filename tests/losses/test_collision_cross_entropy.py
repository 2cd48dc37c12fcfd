import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medsize.losses import CollisionCrossEntropyLoss, Prediction, collision_cross_entropy, cross_entropy
from tests.losses.oracle import probabilities, random_batch, random_logits


def soft(shape: tuple[int, ...], seed: int = 1) -> torch.Tensor:
    return random_logits(*shape, seed=seed).softmax(1)


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_minus_the_logarithm_of_the_probability_that_both_name_the_same_class(spatial: tuple[int, ...]) -> None:
    logits = random_logits(2, 3, *spatial)
    labels = random_batch(2, 3, *spatial)["pseudo_label"].numpy()
    probs = np.moveaxis(probabilities(logits), 1, -1)
    losses = []
    for pixel in np.ndindex(labels.shape):
        if labels[pixel] != 255:
            y = np.full(3, 0.1)
            y[labels[pixel]] = 0.8
            losses.append(-math.log(sum(probs[pixel] * y)))
    found = collision_cross_entropy(logits.log_softmax(1), torch.from_numpy(labels), certainty=0.8)
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-12)


def test_soft_labels_collide_with_their_own_probabilities_and_none_is_where_they_are_zero() -> None:
    logits, y = random_logits(2, 3, 4, 5), soft((2, 3, 4, 5))
    y[0, :, 1] = 0
    probs = probabilities(logits)
    agreement = (probs * y.numpy()).sum(1)
    expected = -np.log(agreement[agreement > 0]).mean()
    assert CollisionCrossEntropyLoss()(logits, y).item() == pytest.approx(expected, rel=1e-12)


def test_soft_labels_of_a_certainty_equal_hard_ones() -> None:
    logits, labels = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)["label"]
    y = torch.where(F.one_hot(labels.long(), 3).movedim(-1, 1).bool(), 0.7, 0.15)
    log_probs = logits.log_softmax(1)
    torch.testing.assert_close(collision_cross_entropy(log_probs, y), collision_cross_entropy(log_probs, labels, 0.7))


def test_with_certainty_it_is_the_usual_cross_entropy() -> None:
    log_probs, labels = random_logits(2, 3, 4, 5).log_softmax(1), random_batch(2, 3, 4, 5)["pseudo_label"]
    torch.testing.assert_close(collision_cross_entropy(log_probs, labels, 1.0), cross_entropy(log_probs, labels))


def test_a_label_that_the_network_is_sure_to_be_wrong_is_let_go() -> None:
    logits = torch.tensor([0.0, 30.0]).reshape(1, 2, 1).requires_grad_()
    wrong = torch.zeros(1, 1, dtype=torch.uint8)
    loss = CollisionCrossEntropyLoss(0.9)(logits, wrong)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(10), rel=1e-6)
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-10
    torch.testing.assert_close(cross_entropy(logits.log_softmax(1), wrong), torch.tensor(30.0))


@pytest.mark.parametrize("certainty", [0.9, 1.0])
def test_gradient_is_right(certainty: float) -> None:
    loss, logits = CollisionCrossEntropyLoss(certainty), random_logits(1, 3, 3, 2)
    labels, y = random_batch(1, 3, 3, 2)["pseudo_label"], soft((1, 3, 3, 2))
    y[0, 0, 0] = 0
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), logits.requires_grad_())
    assert torch.autograd.gradcheck(lambda x: loss(x, y), logits)


def test_padding_is_ignored_under_soft_labels_too() -> None:
    logits, y = random_logits(2, 3, 4, 5), soft((2, 3, 4, 5))
    domain = torch.ones(2, 4, 5, dtype=torch.bool)
    domain[:, 3:] = False
    found = CollisionCrossEntropyLoss()(Prediction(logits, domain), y)
    torch.testing.assert_close(found, CollisionCrossEntropyLoss()(logits[:, :, :3], y[:, :, :3]))


def test_what_is_no_certainty_is_refused() -> None:
    with pytest.raises(ValueError, match=r"above 0 and at most 1, found 1\.1"):
        CollisionCrossEntropyLoss(1.1)
    with pytest.raises(ValueError, match=r"above 1 / 3 and at most 1, found 0\.3"):
        CollisionCrossEntropyLoss(0.3)(random_logits(1, 3, 2), torch.zeros(1, 2, dtype=torch.uint8))
    with pytest.raises(ValueError, match="soft labels"):
        CollisionCrossEntropyLoss()(random_logits(1, 3, 2), torch.zeros(1, 2, 2))
