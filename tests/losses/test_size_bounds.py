import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from medsize.losses import SizeBoundsLoss, SizeTargetLoss, size_bounds_loss, size_target_loss
from medsize.losses.size_bounds import nearest_within_bounds
from medsize.losses.size_target import Scale
from tests.losses.oracle import averages, random_batch, random_logits, random_simplex

NAN = float("nan")


def kl(v: np.ndarray, s: np.ndarray) -> float:
    return float(sum(a * math.log(a / b) for a, b in zip(v, s, strict=True) if a > 0))


def nearest(s: np.ndarray, bounds: np.ndarray) -> float:
    """The least KL(v‖s) over admissible v, by a general optimiser that knows nothing of the projection."""
    lower, upper = bounds.T
    start = lower + (upper - lower) * (1 - lower.sum()) / (upper - lower).sum()
    found = minimize(
        lambda v: kl(np.maximum(v, 1e-300), s),
        start,
        jac=lambda v: np.log(np.maximum(v, 1e-300) / s) + 1,
        bounds=list(zip(np.maximum(lower, 1e-12), upper, strict=True)),
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return float(found.fun)


def random_bounds(rows: int, classes: int, seed: int) -> torch.Tensor:
    """Bounds around some sizes, so that they can be met, of various widths."""
    generator = torch.Generator().manual_seed(seed)
    v = random_simplex(rows, classes, seed)
    down, up = torch.rand(2, rows, classes, generator=generator, dtype=torch.float64)
    return torch.stack([v * down, (v + (1 - v) * up * 0.3)], -1)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_equals_the_least_divergence_that_an_optimiser_finds(classes: int, seed: int) -> None:
    s, bounds = random_simplex(1, classes, seed + 100) ** 3, random_bounds(1, classes, seed)
    s = s / s.sum()
    expected = nearest(s[0].numpy(), bounds[0].numpy())
    assert size_bounds_loss(s.log(), bounds).item() == pytest.approx(max(expected, 0), rel=1e-5, abs=1e-9)


def test_equals_the_least_divergence_on_a_grid_of_two_classes() -> None:
    s, bounds = torch.tensor([[0.99, 0.01]], dtype=torch.float64), torch.tensor([[[0.0, 1.0], [0.03, 0.2]]])
    grid = np.linspace(0.03, 0.2, 100_001)
    expected = min((1 - grid) * np.log((1 - grid) / 0.99) + grid * np.log(grid / 0.01))
    assert size_bounds_loss(s.log(), bounds).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_is_the_mean_over_images_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, bounds = random_logits(3, 4, *spatial), random_bounds(3, 4, seed=5)
    rows = zip(averages(logits), bounds.numpy(), strict=True)
    expected = np.mean([max(nearest(*row), 0) for row in rows])
    assert SizeBoundsLoss()(logits, bounds).item() == pytest.approx(expected, rel=1e-5)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 8), spread=st.sampled_from([0.5, 3.0, 30.0, 1e4]))
def test_the_nearest_sizes_are_admissible_and_proportional_to_the_prediction_where_no_bound_binds(
    seed: int, classes: int, spread: float
) -> None:
    log_average = random_logits(3, classes, seed=seed, scale=spread).log_softmax(1)
    lower, upper = random_bounds(3, classes, seed + 1).unbind(-1)
    v = nearest_within_bounds(log_average, lower, upper)
    torch.testing.assert_close(v.sum(1), torch.ones(3, dtype=torch.float64))
    assert ((lower <= v) & (v <= upper)).all()
    ratio = v.log() - log_average  # ln c where no bound binds, above it at a lower bound, below it at an upper one
    for row in range(3):
        free = (lower[row] < v[row]) & (v[row] < upper[row])
        at_lower, at_upper = v[row] == lower[row], v[row] == upper[row]
        least = torch.cat([ratio[row, at_lower], ratio[row, free]])
        most = torch.cat([ratio[row, at_upper], ratio[row, free]])
        if free.any():
            assert ratio[row, free].max() - ratio[row, free].min() < 1e-9 * max(spread, 1)
        if len(least) and len(most):
            assert most.max() <= least.min() + 1e-9 * max(spread, 1)


def test_equal_bounds_are_the_size_target_loss_to_the_last_bit() -> None:
    log_average, v = random_simplex(6, 4, seed=1).log(), random_simplex(6, 4)
    v[2] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    v[3] = NAN
    for dtype in (torch.float64, torch.float32):
        found, expected = (log_average.detach().to(dtype).requires_grad_() for _ in range(2))
        value = size_bounds_loss(found, torch.stack([v, v], -1))
        target = size_target_loss(expected, v)
        assert torch.equal(value, target)
        torch.testing.assert_close(*(torch.autograd.grad(value, found) + torch.autograd.grad(target, expected)))


def test_equal_bounds_that_sum_to_one_within_a_thousandth_are_taken_as_they_are() -> None:
    log_average = random_simplex(2, 2, seed=3).log()
    v = torch.tensor([[0.9, 0.0995], [0.9, 0.1005]], dtype=torch.float64)
    assert torch.equal(size_bounds_loss(log_average, torch.stack([v, v], -1)), size_target_loss(log_average, v))


def test_equal_bounds_of_some_classes_are_a_partial_size_target() -> None:
    log_average, v = random_simplex(3, 4, seed=1).log(), random_simplex(3, 4)
    v[:, 0], v[1, 2] = NAN, NAN
    torch.testing.assert_close(size_bounds_loss(log_average, torch.stack([v, v], -1)), size_target_loss(log_average, v))


@settings(max_examples=40)
@given(size=st.floats(0.01, 0.99), a=st.floats(0, 1), b=st.floats(0, 1))
def test_is_flat_between_the_bounds_and_pulls_towards_them_outside(size: float, a: float, b: float) -> None:
    a, b = sorted((a, b))
    logits = torch.tensor([[[math.log(1 - size)], [math.log(size)]]], dtype=torch.float64, requires_grad=True)
    bounds = torch.tensor([[[NAN, NAN], [a, b]]], dtype=torch.float64)
    value = SizeBoundsLoss()(logits, bounds)
    value.backward()
    assert logits.grad is not None
    nearest_size = min(max(size, a), b)
    assert logits.grad[0, 1, 0].item() == pytest.approx(size - nearest_size, abs=1e-12)
    if a + 1e-9 < size < b - 1e-9:
        assert value.item() == 0
        assert not logits.grad.any()


def test_gradient_is_right() -> None:
    bounds = random_bounds(4, 3, seed=2)
    assert torch.autograd.gradcheck(
        lambda x: SizeBoundsLoss(temperature=0.5)(x, bounds), random_logits(4, 3, 2, 3, scale=1.0).requires_grad_()
    )


def test_classes_inside_their_bounds_keep_their_proportions() -> None:
    s = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    bounds = torch.tensor([[[NAN, NAN], [NAN, NAN], [0.6, 0.7]]], dtype=torch.float64)
    v = torch.tensor([[0.25, 0.15, 0.6]], dtype=torch.float64)
    torch.testing.assert_close(size_bounds_loss(s.log(), bounds), size_target_loss(s.log(), v))


@pytest.mark.parametrize("scale", [10.0, 100.0, 1e4])
def test_a_forgotten_class_is_pulled_to_its_lower_bound_in_float32(scale: float) -> None:
    logits = torch.tensor([scale, -scale, 0.0]).reshape(1, 3, 1).repeat(1, 1, 20).requires_grad_()
    bounds = torch.tensor([[[NAN, NAN], [0.1, 0.2], [0.0, 0.05]]])
    value = SizeBoundsLoss()(logits, bounds)
    value.backward()
    assert value.isfinite()
    assert value > 0
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad[0, 1] * 20, (logits.softmax(1)[0, 1] - 0.1).detach(), rtol=1e-4)


def test_two_forgotten_classes_share_what_is_missing_by_their_proportions_in_float32() -> None:
    log_average = torch.tensor([[0.0, -20000.0, -20001.0]])
    v = nearest_within_bounds(log_average, torch.zeros(1, 3), torch.tensor([[0.5, 1.0, 1.0]]))
    e = math.exp(-1)
    torch.testing.assert_close(v, torch.tensor([[0.5, 0.5 / (1 + e), 0.5 * e / (1 + e)]]))


def test_one_bound_may_be_known_without_the_other_and_images_without_any_do_not_count() -> None:
    s = torch.tensor([[0.7, 0.3]] * 3, dtype=torch.float64)
    lower, upper = [[0.9, NAN], [NAN, NAN]], [[NAN, NAN], [NAN, 0.1]]
    bounds = torch.tensor([lower, upper, [[NAN, NAN], [NAN, NAN]]], dtype=torch.float64)
    expected = kl(np.array([0.9, 0.1]), np.array([0.7, 0.3]))
    assert size_bounds_loss(s.log(), bounds).item() == pytest.approx(expected)


def test_bounds_that_no_sizes_can_meet_are_refused_with_the_image() -> None:
    good = random_batch(2, 2)["size_bounds"][:1].clone()
    good[:] = torch.tensor([0.0, 1.0])
    for bad, found in (([[0.7, 0.8], [0.4, 0.5]], "1.1 and 1.3"), ([[0.1, 0.4], [0.2, 0.5]], "0.3 and 0.9")):
        bounds = torch.cat([good, torch.tensor([bad], dtype=torch.float64)])
        with pytest.raises(ValueError, match=rf"cannot be met by image 1 of the batch: .* found sums {found}"):
            size_bounds_loss(torch.zeros(2, 2), bounds)


def test_bounds_in_pixels_a_wrong_shape_or_option_are_refused() -> None:
    with pytest.raises(ValueError, match=r"image 0 of the batch, class 1: .* found 60 to 2000"):
        size_bounds_loss(torch.zeros(1, 2), torch.tensor([[[NAN, NAN], [60.0, 2000.0]]]))
    with pytest.raises(ValueError, match=r"\(B, K, 2\) = \(2, 3, 2\), found \(2, 3\)"):
        size_bounds_loss(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="temperature"):
        SizeBoundsLoss(temperature=0)
    with pytest.raises(ValueError, match="level must be one of 'slice', 'volume', found 'case'"):
        SizeBoundsLoss(level="case")


@pytest.mark.parametrize("scale", ["none", "entropy", "object"])
def test_bounds_that_meet_are_a_scaled_size_target(scale: Scale) -> None:
    v, logits = random_simplex(3, 3, 1), random_logits(3, 3, 2, 2).requires_grad_()
    bounds = torch.stack([v, v], -1)
    loss = SizeBoundsLoss(scale)(logits, bounds)
    torch.testing.assert_close(loss, SizeTargetLoss(scale=scale)(logits, v))
    (found,) = torch.autograd.grad(loss, logits)
    (expected,) = torch.autograd.grad(SizeTargetLoss(scale=scale)(logits, v), logits)
    torch.testing.assert_close(found, expected)


def test_scaled_bounds_are_divided_by_what_the_nearest_sizes_are() -> None:
    s, bounds = torch.tensor([[0.99, 0.01]], dtype=torch.float64), torch.tensor([[[0.0, 1.0], [0.03, 0.2]]])
    plain = size_bounds_loss(s.log(), bounds).item()
    assert size_bounds_loss(s.log(), bounds, scale="object").item() == pytest.approx(plain / 0.03)
    h = -0.97 * math.log(0.97) - 0.03 * math.log(0.03)
    assert size_bounds_loss(s.log(), bounds, scale="entropy").item() == pytest.approx(plain / h)


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="scale must be one of 'none', 'entropy', 'object', found 'size'"):
        SizeBoundsLoss("size")
