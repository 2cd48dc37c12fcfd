import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medsize.losses import CrossEntropyLoss, Prediction, cross_entropy
from tests.losses.oracle import probabilities, random_batch, random_logits


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_the_mean_negative_log_probability_of_the_true_class(spatial: tuple[int, ...]) -> None:
    logits = random_logits(2, 3, *spatial)
    label = random_batch(2, 3, *spatial)["label"]
    probs = np.take_along_axis(probabilities(logits), label.numpy()[:, None].astype(int), 1)
    assert cross_entropy(logits.log_softmax(1), label).item() == pytest.approx(-np.log(probs).mean(), rel=1e-12)


def test_equals_torch_on_logits() -> None:
    logits, label = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)["label"]
    label[0, 0] = 255
    expected = F.cross_entropy(logits, label.long(), ignore_index=255)
    torch.testing.assert_close(CrossEntropyLoss()(logits, label), expected)


def test_gradient_is_right() -> None:
    label = random_batch(1, 3, 3, 2)["label"]
    assert torch.autograd.gradcheck(lambda x: CrossEntropyLoss()(x, label), random_logits(1, 3, 3, 2).requires_grad_())


def test_padding_is_ignored() -> None:
    logits, label = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)["label"]
    domain = torch.ones(2, 4, 5, dtype=torch.bool)
    domain[:, 3:] = False
    found = CrossEntropyLoss()(Prediction(logits, domain), label)
    torch.testing.assert_close(found, CrossEntropyLoss()(logits[:, :, :3], label[:, :3]))
