import math

import numpy as np
import pytest
import torch

from medsize.losses import LogBarrierExtensionLoss, Objective, Prediction, log_barrier_extension
from tests.losses.oracle import averages, random_batch, random_logits

NAN = float("nan")


def psi(z: float, t: float) -> float:
    return -math.log(-z) / t if z <= -1 / t**2 else t * z - math.log(1 / t**2) / t + 1 / t


def written_out(average: np.ndarray, bounds: np.ndarray, t: float, size: float = 1.0) -> float:
    return float(
        sum(
            (psi(size * (a - s), t) if a > 0 else 0) + (psi(size * (s - b), t) if b < 1 else 0)
            for s, (a, b) in zip(average, bounds, strict=True)
        )
    )


@pytest.mark.parametrize("t", [0.7, 5.0, 40.0, 3000.0])
@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_the_extension_written_out_in_any_dimension(spatial: tuple[int, ...], t: float) -> None:
    logits, bounds = random_logits(3, 4, *spatial), random_batch(3, 4, *spatial)["size_bounds"]
    rows = list(zip(averages(logits), bounds.numpy(), strict=True))
    expected = np.mean([written_out(*row, t) for row in rows])
    assert LogBarrierExtensionLoss(t, scale="fraction")(logits, bounds).item() == pytest.approx(expected, rel=1e-6)
    pixels = math.prod(spatial)
    expected = np.mean([0.01 * written_out(*row, t, pixels) / pixels for row in rows])
    assert LogBarrierExtensionLoss(t)(logits, bounds).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("t", [0.7, 5.0, 40.0])
def test_is_continuous_with_a_continuous_slope_where_the_logarithm_ends(t: float) -> None:
    edge = 0.5 + 1 / t**2 / 100  # the object's lower bound lies one 1/t² above, when z is in hundreds
    values, slopes = [], []
    for step in (-1e-9, 1e-9):
        average = torch.tensor([[0.5, edge + step]], dtype=torch.float64, requires_grad=True)
        bounds = torch.tensor([[[NAN, NAN], [0.5, NAN]]], dtype=torch.float64)
        value = log_barrier_extension(average, bounds, t, torch.tensor([100.0], dtype=torch.float64))
        values.append(value.item())
        slopes.append(torch.autograd.grad(value, average)[0][0, 1].item())
    assert values[0] == pytest.approx(values[1], abs=1e-6)
    assert slopes == pytest.approx([-t, -t], rel=1e-3)


@pytest.mark.parametrize("scale", ["pixels", "fraction"])
@pytest.mark.parametrize("t", [5.0, 1e3])
def test_gradient_is_right(scale: str, t: float) -> None:
    bounds, loss = random_batch(2, 3, 2, 3)["size_bounds"], LogBarrierExtensionLoss(t, scale=scale)
    assert torch.autograd.gradcheck(lambda x: loss(x, bounds), random_logits(2, 3, 2, 3).requires_grad_())


def test_t_follows_from_the_epoch_alone_and_stops_growing() -> None:
    loss = LogBarrierExtensionLoss(t0=2, growth=1.5)
    assert loss.t.item() == 2
    for epoch in (7, 0, 3):
        loss.begin_epoch(epoch)
        assert loss.t.item() == pytest.approx(2 * 1.5**epoch)
    loss.begin_epoch(100_000)
    assert loss.t.item() == pytest.approx(1e6)
    value = loss(torch.zeros(1, 2, 4, 4), torch.tensor([[[NAN, NAN], [0.1, 0.2]]]))
    assert value.isfinite()


def test_an_objective_tells_its_terms_the_epoch() -> None:
    objective = Objective({"barrier": (1.0, LogBarrierExtensionLoss(t0=2, growth=2))})
    objective.begin_epoch(3)
    assert objective.terms["barrier"].t == 16
    assert not objective.state_dict(), "t follows from the epoch, so a checkpoint need not hold it"


@pytest.mark.parametrize("scale", ["pixels", "fraction"])
@pytest.mark.parametrize("t", [1.0, 5.0, 1e3, 1e6])
@pytest.mark.parametrize("size", [1e-30, 1e-3, 0.5, 1 - 1e-3])
def test_an_absent_object_is_pushed_down_from_every_size(scale: str, t: float, size: float) -> None:
    logits = torch.tensor([[[math.log1p(-size)], [math.log(size)]]]).repeat(1, 1, 20).requires_grad_()
    bounds = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    value = LogBarrierExtensionLoss(t, scale=scale)(logits, bounds)
    value.backward()
    assert value.isfinite()
    assert logits.grad is not None
    assert (logits.grad[:, 1] > 0).all()


@pytest.mark.parametrize("t", [5.0, 1e3])
@pytest.mark.parametrize(("size", "sign"), [(0.01, -1), (0.09, -1), (0.25, 1), (0.9, 1)])
def test_a_size_outside_its_bounds_is_pulled_back(t: float, size: float, sign: int) -> None:
    average = torch.tensor([[1 - size, size]], requires_grad=True)
    log_barrier_extension(average, torch.tensor([[[NAN, NAN], [0.1, 0.2]]]), t).backward()
    assert average.grad is not None
    assert average.grad[0, 1] * sign > 0


def test_a_point_is_lowest_at_the_point() -> None:
    bounds = torch.tensor([[[NAN, NAN], [0.3, 0.3]]])
    sizes = torch.linspace(0.01, 0.99, 99)
    for t in (5.0, 100.0):
        costs = [log_barrier_extension(torch.tensor([[1 - s, s]]), bounds, t).item() for s in sizes]
        assert min(costs) == pytest.approx(costs[29], abs=1e-5)


def test_pixels_count_those_of_each_images_domain() -> None:
    domain = torch.ones(2, 10, 10, dtype=torch.bool)
    domain[1, 5:] = False
    bounds = torch.tensor([[[NAN, NAN], [0.6, 0.7]]]).repeat(2, 1, 1)
    found = LogBarrierExtensionLoss(5.0)(Prediction(torch.zeros(2, 2, 10, 10), domain), bounds)
    expected = [0.01 * (psi(10 * n / 100, 5.0) + psi(-20 * n / 100, 5.0)) / n for n in (100, 50)]
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_bounds_that_hold_by_themselves_cost_nothing_but_count_as_known() -> None:
    average = torch.tensor([[0.7, 0.3], [0.7, 0.3]])
    bounds = torch.tensor([[[0.0, 1.0], [0.0, 1.0]], [[NAN, NAN], [0.6, NAN]]])
    assert log_barrier_extension(average, bounds, 5.0).item() == pytest.approx(psi(0.3, 5.0) / 2)


def test_wrong_settings_and_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="t0"):
        LogBarrierExtensionLoss(t0=0)
    with pytest.raises(ValueError, match=r"growth .* at least 1, found 0\.9"):
        LogBarrierExtensionLoss(growth=0.9)
    with pytest.raises(ValueError, match="scale must be one of 'fraction', 'pixels', found 'percent'"):
        LogBarrierExtensionLoss(scale="percent")
    with pytest.raises(ValueError, match=r"image 0 of the batch, class 1: .* found 60 to 2000"):
        log_barrier_extension(torch.zeros(1, 2), torch.tensor([[[NAN, NAN], [60.0, 2000.0]]]), 5.0)
