import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.losses import Prediction, QuadraticBarrierLoss, quadratic_barrier
from tests.losses.oracle import averages, random_batch, random_logits

NAN = float("nan")


def written_out(average: np.ndarray, bounds: np.ndarray) -> float:
    costs = [
        sum(max(a - s, 0) ** 2 + max(s - b, 0) ** 2 for s, (a, b) in zip(row, row_bounds, strict=True))
        for row, row_bounds in zip(average, bounds, strict=True)
    ]
    return float(np.mean(costs))


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_17_on_both_sides_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, bounds = random_logits(3, 4, *spatial), random_batch(3, 4, *spatial)["size_bounds"]
    expected = written_out(averages(logits), bounds.numpy())
    assert QuadraticBarrierLoss("fraction")(logits, bounds).item() == pytest.approx(expected, rel=1e-12)


def test_gradient_is_right() -> None:
    bounds = random_batch(2, 3, 2, 3)["size_bounds"]
    loss = QuadraticBarrierLoss()
    assert torch.autograd.gradcheck(lambda x: loss(x, bounds), random_logits(2, 3, 2, 3).requires_grad_())


def test_the_authors_weight_at_256_squared_is_655_36() -> None:
    logits, bounds = torch.zeros(1, 2, 256, 256), torch.tensor([[[NAN, NAN], [0.6, 0.7]]])
    assert QuadraticBarrierLoss("fraction")(logits, bounds).item() == pytest.approx(0.01)
    assert QuadraticBarrierLoss("pixels")(logits, bounds).item() == pytest.approx(6.5536)


def test_the_authors_weight_counts_the_pixels_of_each_images_domain() -> None:
    domain = torch.ones(2, 10, 10, dtype=torch.bool)
    domain[1, 5:] = False
    bounds = torch.tensor([[[0.0, 1.0], [0.6, 1.0]]]).repeat(2, 1, 1)
    found = QuadraticBarrierLoss()(Prediction(torch.zeros(2, 2, 10, 10), domain), bounds)
    assert found.item() == pytest.approx(0.01 * (0.01 * 100 + 0.01 * 50) / 2)


@settings(max_examples=40)
@given(size=st.floats(0.01, 0.99), a=st.floats(0, 1), b=st.floats(0, 1))
def test_is_flat_between_the_bounds_and_pulls_towards_them_outside(size: float, a: float, b: float) -> None:
    a, b = sorted((a, b))
    average = torch.tensor([[1 - size, size]], dtype=torch.float64, requires_grad=True)
    bounds = torch.tensor([[[NAN, NAN], [a, b]]], dtype=torch.float64)
    quadratic_barrier(average, bounds).backward()
    assert average.grad is not None
    slope = average.grad[0, 1].item()
    assert slope == pytest.approx(2 * (size - a) if size < a else 2 * (size - b) if size > b else 0)


def test_zero_bounds_are_the_suppression_of_an_absent_object() -> None:
    average = torch.tensor([[0.7, 0.3]])
    bounds = torch.tensor([[[NAN, NAN], [0.0, 0.0]]])
    assert quadratic_barrier(average, bounds).item() == pytest.approx(0.3**2)


def test_one_bound_may_be_known_without_the_other() -> None:
    average = torch.tensor([[0.7, 0.3]])
    lower, upper = torch.tensor([[[0.9, NAN], [NAN, NAN]]]), torch.tensor([[[NAN, NAN], [NAN, 0.1]]])
    assert quadratic_barrier(average, lower).item() == pytest.approx(0.04)
    assert quadratic_barrier(average, upper).item() == pytest.approx(0.04)


def test_images_without_any_bound_are_left_out_of_the_mean() -> None:
    average = torch.tensor([[0.7, 0.3], [0.5, 0.5]], requires_grad=True)
    bounds = torch.tensor([[[NAN, NAN], [0.5, 1.0]], [[NAN, NAN], [NAN, NAN]]])
    value = quadratic_barrier(average, bounds)
    value.backward()
    assert value.item() == pytest.approx(0.04)
    assert average.grad is not None
    assert average.grad.tolist() == [[0.0, pytest.approx(-0.4)], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("bounds", "found"),
    [((0.3, 0.1), "found 0.3 to 0.1"), ((60.0, 2000.0), "found 60 to 2000"), ((-0.2, -0.1), "found -0.2 to -0.1")],
)
def test_bounds_that_cannot_be_are_named_with_their_values(bounds: tuple[float, float], found: str) -> None:
    size_bounds = torch.zeros(2, 3, 2)
    size_bounds[1, 2] = torch.tensor(bounds)
    with pytest.raises(ValueError, match=f"image 1 of the batch, class 2: .* {found}"):
        quadratic_barrier(torch.zeros(2, 3), size_bounds)


def test_a_wrong_shape_or_scale_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, K, 2\) = \(2, 3, 2\), found \(2, 3\)"):
        quadratic_barrier(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="scale must be one of 'fraction', 'pixels', found 'percent'"):
        QuadraticBarrierLoss("percent")


def test_a_temperature_bounds_the_average_of_the_sharpened_softmax():
    logits = torch.tensor([0.7, 0.3]).log().reshape(1, 2, 1, 1).expand(1, 2, 8, 8)
    bounds = torch.tensor([[[0.75, 1.0], [0.0, 0.25]]])
    sharp = torch.softmax(logits / 0.25, 1)[0, 1, 0, 0].item()
    assert sharp < 0.25
    assert QuadraticBarrierLoss()(logits, bounds).item() > 0
    assert QuadraticBarrierLoss(temperature=0.25)(logits, bounds).item() == 0
