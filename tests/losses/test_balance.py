import math

import numpy as np
import pytest
import torch

from medsize.losses import BalanceLoss, FairnessLoss, Prediction, balance
from tests.losses.oracle import averages, random_logits

V = (0.9, 0.07, 0.03)


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equal_equations_6_and_7_on_the_batch_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits = random_logits(4, 3, *spatial)
    average = averages(logits).mean(0)
    assert FairnessLoss()(logits).item() == pytest.approx(float((average * np.log(average)).sum()), rel=1e-9)
    expected = float((average * np.log(average / np.array(V))).sum())
    assert BalanceLoss(V)(logits).item() == pytest.approx(expected, rel=1e-6)


def test_every_pixel_of_the_batch_counts_alike() -> None:
    logits = random_logits(2, 3, 6)
    domain = torch.tensor([[True] * 6, [True, True, False, False, False, False]])
    kept = torch.cat([logits[:1], logits[1:, :, :2]], 2)
    torch.testing.assert_close(FairnessLoss()(Prediction(logits, domain)), FairnessLoss()(kept))


def test_fairness_is_least_where_all_classes_are_equal_and_balance_at_its_distribution() -> None:
    assert FairnessLoss()(torch.zeros(2, 4, 5)).item() == pytest.approx(-math.log(4))
    logits = torch.tensor(V).log().reshape(1, 3, 1).repeat(2, 1, 5).requires_grad_()
    value = BalanceLoss(V)(logits)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-7


def test_fairness_is_the_balance_with_the_uniform_distribution_up_to_a_constant() -> None:
    log_average = random_logits(1, 3).log_softmax(1)[0]
    uniform = balance(log_average, torch.full((3,), 1 / 3, dtype=torch.float64))
    assert uniform.item() == pytest.approx((log_average.exp() * log_average).sum().item() + math.log(3))


@pytest.mark.parametrize("loss", [FairnessLoss(), BalanceLoss(V)])
def test_gradient_is_right(loss: torch.nn.Module) -> None:
    assert torch.autograd.gradcheck(loss, random_logits(2, 3, 2, 3).requires_grad_())


def test_a_distribution_that_is_none_or_of_other_classes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"fractions that sum to 1, found \[0\.5, 0\.6\]"):
        BalanceLoss([0.5, 0.6])
    with pytest.raises(ValueError, match=r"distribution .* \(K,\) = \(3,\), found \(2,\)"):
        BalanceLoss([0.5, 0.5])(torch.zeros(1, 3, 4))
