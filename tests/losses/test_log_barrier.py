import math

import numpy as np
import pytest
import torch

from medsize.losses import FlatLogBarrierLoss, LogBarrierLoss, flat_log_barrier, log_barrier, size_target_loss
from tests.losses.oracle import averages, random_batch, random_logits, random_simplex

NONE = torch.tensor([[False, False]])


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_9_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, tags = random_logits(3, 4, *spatial), random_batch(3, 4, *spatial)["tags"]
    rows = zip(averages(logits), tags, strict=True)
    expected = np.mean([-sum(math.log(s) for s, tag in zip(*row, strict=True) if tag) for row in rows])
    assert LogBarrierLoss()(logits, tags).item() == pytest.approx(expected, rel=1e-12)


def test_flat_barrier_equals_equation_11_with_min() -> None:
    logits, tags = random_logits(3, 4, 5), random_batch(3, 4, 5)["tags"]
    rows = zip(averages(logits), tags, strict=True)
    expected = np.mean([-sum(math.log(min(s, 0.2)) for s, tag in zip(*row, strict=True) if tag) for row in rows])
    assert FlatLogBarrierLoss(0.2)(logits, tags).item() == pytest.approx(expected, rel=1e-12)


def test_flat_barrier_pulls_a_missing_class_up_and_leaves_a_large_enough_one_alone() -> None:
    average = torch.tensor([[0.96, 0.01, 0.03]], dtype=torch.float64)
    log_average = average.log().requires_grad_()
    tags = torch.tensor([[True, True, True]])
    flat_log_barrier(log_average, tags, epsilon=0.02).backward()
    assert log_average.grad is not None
    assert log_average.grad.tolist() == [[0, -1, 0]]


def test_flat_barrier_is_the_log_barrier_at_epsilon_one() -> None:
    log_average, tags = random_simplex(3, 4).log(), random_batch(3, 4, 1)["tags"]
    torch.testing.assert_close(flat_log_barrier(log_average, tags, 1.0), log_barrier(log_average, tags))


def test_log_barrier_is_the_size_target_of_equal_sizes_up_to_a_constant() -> None:
    log_average = random_simplex(1, 4).log()
    uniform = torch.tensor([[0.5, 0.0, 0.5, 0.0]], dtype=torch.float64)
    kl = size_target_loss(log_average, uniform)
    assert log_barrier(log_average, uniform > 0).item() == pytest.approx(2 * (kl.item() + math.log(2)))


@pytest.mark.parametrize("loss", [LogBarrierLoss(), FlatLogBarrierLoss(0.3)])
def test_gradient_is_right(loss: torch.nn.Module) -> None:
    tags = random_batch(2, 3, 2, 3)["tags"]
    assert torch.autograd.gradcheck(lambda x: loss(x, tags), random_logits(2, 3, 2, 3).requires_grad_())


def test_images_without_tags_are_left_out_of_the_mean() -> None:
    log_average = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
    tags = torch.cat([NONE, torch.tensor([[False, True]])])
    assert log_barrier(log_average, tags).item() == pytest.approx(-math.log(0.1))
    assert flat_log_barrier(log_average, tags, 0.05).item() == pytest.approx(-math.log(0.05))
    assert log_barrier(log_average[:1], NONE).item() == 0


def test_tags_of_the_wrong_shape_or_type_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tags .* \(B, K\) = \(1, 3\), found \(1, 2\)"):
        log_barrier(torch.zeros(1, 3), NONE)
    with pytest.raises(ValueError, match=r"tags must be bool .* found torch\.int64"):
        log_barrier(torch.zeros(1, 2), torch.tensor([[1, 0]]))


@pytest.mark.parametrize("epsilon", [0.0, -0.1, 1.5, float("nan")])
def test_an_epsilon_that_is_no_fraction_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match=f"epsilon must be a fraction .* found {epsilon}"):
        FlatLogBarrierLoss(epsilon)
    with pytest.raises(ValueError, match="epsilon"):
        flat_log_barrier(torch.zeros(1, 2), NONE, epsilon)
