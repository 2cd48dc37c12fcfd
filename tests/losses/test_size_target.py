import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from medsize.losses import SizeTargetLoss, size_target_loss
from medsize.losses.size_target import Direction, Scale, entropy
from tests.losses.oracle import averages, random_logits, random_simplex

NAN = float("nan")


def forward_kl(v: np.ndarray, s: np.ndarray) -> float:
    return sum(float(a) * math.log(a / b) for a, b in zip(v, s, strict=True) if a > 0)


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_2_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, v = random_logits(3, 4, *spatial), random_simplex(3, 4)
    expected = np.mean([forward_kl(*row) for row in zip(v.numpy(), averages(logits), strict=True)])
    assert SizeTargetLoss()(logits, v).item() == pytest.approx(expected, rel=1e-12)


def test_equals_equation_7_in_reverse_with_the_target_clamped() -> None:
    logits, v = random_logits(3, 3, 4, 5), random_simplex(3, 3)
    v[1] = torch.tensor([0.75, 0.25, 0.0])
    clamped = np.maximum(v.numpy(), 1e-8)
    expected = np.mean([forward_kl(*row) for row in zip(averages(logits), clamped, strict=True)])
    assert SizeTargetLoss("reverse")(logits, v).item() == pytest.approx(expected, rel=1e-12)


def test_equals_torchs_kl_divergence() -> None:
    v, log_average = random_simplex(5, 4), random_simplex(5, 4, seed=1).log()
    v[2] = torch.tensor([0.5, 0.5, 0.0, 0.0])
    torch.testing.assert_close(size_target_loss(log_average, v), F.kl_div(log_average, v, reduction="batchmean"))
    reverse = F.kl_div(v.clamp(min=1e-8).log(), log_average.exp(), reduction="batchmean")
    torch.testing.assert_close(size_target_loss(log_average, v, direction="reverse"), reverse)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("scale", ["none", "entropy", "object"])
def test_gradient_is_right(direction: Direction, scale: Scale) -> None:
    loss, v = SizeTargetLoss(direction, scale), random_simplex(2, 3)
    assert torch.autograd.gradcheck(lambda x: loss(x, v), random_logits(2, 3, 2, 3).requires_grad_())


@settings(max_examples=40)
@given(sizes=st.lists(st.floats(1e-6, 1), min_size=2, max_size=6))
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("scale", ["none", "entropy", "object"])
def test_is_zero_with_zero_gradient_at_the_target_and_positive_elsewhere(
    direction: Direction, scale: Scale, sizes: list[float]
) -> None:
    v = torch.tensor([sizes], dtype=torch.float64)
    v = v / v.sum()
    loss = SizeTargetLoss(direction, scale)
    logits = v.log().unsqueeze(2).repeat(1, 1, 5).requires_grad_()
    value = loss(logits, v)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-10)
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-10
    assert loss(logits + torch.linspace(0, 1, len(sizes)).unsqueeze(1), v) > 0


def test_rows_of_nan_are_left_out_of_the_mean() -> None:
    logits, v = random_logits(3, 2, 4), random_simplex(3, 2)
    v[1] = NAN
    known = [0, 2]
    torch.testing.assert_close(SizeTargetLoss()(logits, v), SizeTargetLoss()(logits[known], v[known]))
    logits.requires_grad_()
    SizeTargetLoss()(logits, v).backward()
    assert logits.grad is not None
    assert not logits.grad[1].any()
    assert logits.grad[known].isfinite().all()


def test_a_class_at_probability_1e_minus_30_is_pulled_back() -> None:
    logits = torch.tensor([[[0.0], [math.log(1e-30)]]]).repeat(1, 1, 16).requires_grad_()
    value = SizeTargetLoss()(logits, torch.tensor([[0.9, 0.1]]))
    value.backward()
    assert value.item() == pytest.approx(forward_kl(np.array([0.9, 0.1]), np.array([1, 1e-30])), rel=1e-6)
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad[0, 1], -0.1 / 16, rtol=1e-5)


def test_object_scale_makes_the_same_relative_error_cost_the_same_at_any_size() -> None:
    def cost(size: float, scale: Scale) -> float:
        v = torch.tensor([[1 - size, size]], dtype=torch.float64)
        predicted = torch.tensor([[1 - 1.1 * size, 1.1 * size]], dtype=torch.float64)
        return size_target_loss(predicted.log(), v, scale=scale).item()

    assert cost(0.002, "object") == pytest.approx(cost(0.02, "object"), rel=0.05)
    assert cost(0.002, "entropy") == pytest.approx(cost(0.02, "entropy"), rel=0.5)
    assert cost(0.02, "none") == pytest.approx(10 * cost(0.002, "none"), rel=0.05)


def test_scales_divide_by_the_foregrounds_share_and_by_the_entropy() -> None:
    log_average, v = random_simplex(1, 3, seed=1).log(), torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64)
    plain = size_target_loss(log_average, v)
    torch.testing.assert_close(size_target_loss(log_average, v, scale="object"), plain / 0.3)
    h = -sum(p * math.log(p) for p in (0.7, 0.2, 0.1))
    torch.testing.assert_close(size_target_loss(log_average, v, scale="entropy"), plain / h)


def test_a_scaled_loss_treats_an_image_without_object_like_one_with_an_object_of_a_thousandth() -> None:
    predicted = torch.tensor([[0.999, 0.001]], dtype=torch.float64)
    empty = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    cost = -math.log(0.999)
    assert size_target_loss(predicted.log(), empty, scale="object").item() == pytest.approx(cost / 1e-3)
    found = size_target_loss(predicted.log(), empty, scale="entropy").item()
    assert found == pytest.approx(cost / float(entropy(predicted)))
    full = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    assert size_target_loss(predicted.log(), full, scale="object").item() == pytest.approx(-math.log(0.001))


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ([0.5, 0.6], r"\[0\.5, 0\.6\] with sum 1\.1"),
        ([1.2, -0.2], r"\[1\.2, -0\.2\] with sum 1"),
        ([64741.0, 795.0], r"\[64741, 795\] with sum 65536"),
        ([0.0, 0.0], r"\[0, 0\] with sum 0"),
        ([1.1, NAN], r"\[1\.1, nan\] with sum 1\.1"),
        ([-0.1, NAN], r"\[-0\.1, nan\] with sum -0\.1"),
        ([float("inf"), 0.0], r"\[inf, 0\]"),
        ([0.998, 0.0009], r"\[0\.998, 0\.0009\] with sum 0\.9989"),
    ],
)
def test_a_row_that_is_no_set_of_fractions_is_named_with_its_values(row: list[float], found: str) -> None:
    v = torch.tensor([[0.5, 0.5], [NAN, NAN], row])
    with pytest.raises(ValueError, match=f"size_target is wrong for image 2 .* 2 fractions .*{found}"):
        size_target_loss(torch.zeros(3, 2), v)


def test_a_row_that_sums_to_one_within_a_thousandth_is_taken_as_it_is() -> None:
    v = torch.tensor([[0.9, 0.0995]], dtype=torch.float64)
    expected = forward_kl(v[0].numpy(), np.array([0.5, 0.5]))
    assert size_target_loss(torch.full_like(v, 0.5).log(), v).item() == pytest.approx(expected)


def test_a_wrong_shape_or_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"size_target .* \(B, K\) = \(2, 3\), found \(2, 2\)"):
        SizeTargetLoss()(torch.zeros(2, 3, 4), torch.full((2, 2), 0.5))
    with pytest.raises(ValueError, match="direction must be one of 'forward', 'reverse', found 'backward'"):
        SizeTargetLoss("backward")
    with pytest.raises(ValueError, match="scale must be one of 'none', 'entropy', 'object', found 'size'"):
        SizeTargetLoss(scale="size")


def test_a_temperature_compares_the_average_of_the_sharpened_softmax():
    logits = torch.randn(3, 3, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    v = torch.tensor([[0.7, 0.2, 0.1], [1, 0, 0], [0.5, 0.25, 0.25]], dtype=torch.float64)
    z = logits.numpy() / 0.25
    s = np.exp(z - z.max(1, keepdims=True))
    average = (s / s.sum(1, keepdims=True)).mean((2, 3))
    ratio = np.where(v.numpy() > 0, v.numpy() / average, 1)
    expected = (v.numpy() * np.log(ratio)).sum(1).mean()
    assert SizeTargetLoss(temperature=0.25)(logits, v).item() == pytest.approx(expected, rel=1e-9)


def test_at_a_low_temperature_it_is_the_mask_that_meets_the_target():
    # Every pixel at probability 0.3: on average 30 % of the image, but not one pixel of mask.
    logits = torch.tensor([0.7, 0.3]).log().reshape(1, 2, 1, 1).expand(1, 2, 8, 8)
    v = torch.tensor([[0.7, 0.3]])
    assert SizeTargetLoss()(logits, v).item() == pytest.approx(0, abs=1e-6)
    assert SizeTargetLoss(temperature=0.1)(logits, v).item() > 1


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_that_is_not_a_positive_number_is_refused(temperature: float):
    with pytest.raises(ValueError, match="temperature"):
        SizeTargetLoss(temperature=temperature)


def lumped_kl(v: np.ndarray, s: np.ndarray) -> float:
    known = ~np.isnan(v)
    return forward_kl(np.append(v[known], 1 - v[known].sum()), np.append(s[known], s[~known].sum()))


def test_some_known_sizes_are_compared_with_all_other_classes_lumped_together() -> None:
    logits, v = random_logits(4, 5, 3, 4), random_simplex(4, 5)
    v[0, [0, 3]], v[1, [1, 2, 4]], v[2] = NAN, NAN, NAN
    known = [0, 1, 3]
    expected = np.mean([lumped_kl(v[i].numpy(), averages(logits)[i]) for i in known])
    assert SizeTargetLoss()(logits, v).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: SizeTargetLoss()(x, v), logits.requires_grad_())
    (gradient,) = torch.autograd.grad(SizeTargetLoss()(logits, v), logits)
    assert not gradient[2].any()


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("scale", ["none", "entropy", "object"])
def test_all_structures_without_the_background_are_the_full_target(direction: Direction, scale: Scale) -> None:
    full, log_average = random_simplex(3, 4), random_simplex(3, 4, seed=1).log().requires_grad_()
    full[1] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    partial = full.clone()
    partial[:, 0] = NAN
    losses = [size_target_loss(log_average, v, direction=direction, scale=scale) for v in (full, partial)]
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*(torch.autograd.grad(loss, log_average)[0] for loss in losses))


def test_a_partial_target_raises_a_forgotten_class_and_leaves_the_unknown_ones_their_proportions() -> None:
    logits = torch.tensor([2.0, -1e4, 1.0, 0.0]).reshape(1, 4, 1).repeat(1, 1, 10).requires_grad_()
    SizeTargetLoss()(logits, torch.tensor([[NAN, 0.1, NAN, NAN]])).backward()
    assert logits.grad is not None
    gradient = logits.grad[0].sum(1)
    assert gradient[1].item() == pytest.approx(-0.1)
    share = torch.tensor([2.0, 1.0, 0.0]).softmax(0)
    torch.testing.assert_close(gradient[[0, 2, 3]], 0.1 * share)


def test_known_sizes_that_fill_the_image_leave_nothing_to_the_unknown_ones() -> None:
    logits = random_logits(1, 3, 4).requires_grad_()
    value = SizeTargetLoss()(logits, torch.tensor([[0.6, 0.4, NAN]]))
    expected = forward_kl(np.array([0.6, 0.4]), averages(logits)[0, :2])
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_the_object_scale_of_a_partial_target_divides_by_the_known_structures() -> None:
    log_average = random_simplex(1, 4, seed=1).log()
    v = torch.tensor([[NAN, 0.2, NAN, 0.1]], dtype=torch.float64)
    plain = size_target_loss(log_average, v)
    torch.testing.assert_close(size_target_loss(log_average, v, scale="object"), plain / 0.3)
    v[0, 0] = 0.5
    plain = size_target_loss(log_average, v)
    torch.testing.assert_close(size_target_loss(log_average, v, scale="object"), plain / 0.5)
