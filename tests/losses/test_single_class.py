import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from medsize.losses import NegativeLoss, PositionalLoss, Prediction, VolumetricLoss, negative, positional, volumetric
from tests.losses.oracle import averages, probabilities, random_logits

SHOWN, NOT_SHOWN, UNKNOWN = [True, True], [True, False], [False, False]


def sizes(*objects: float) -> Tensor:
    """S̄ of images with an object of these sizes."""
    size = torch.tensor(objects, dtype=torch.float64)
    return torch.stack([1 - size, size], 1)


def shown(images: int, classes: int = 2) -> Tensor:
    return torch.ones(images, classes, dtype=torch.bool)


def positional_written_out(x: np.ndarray, width: int) -> float:
    """P3 eq. 5 for the object's probability in one image, with the box less than 1.5 pixels around the centre."""
    border, centre = [], []
    for p in np.ndindex(*x.shape):
        if any(i < width or i >= n - width for i, n in zip(p, x.shape, strict=True)):
            border.append(x[p])
        if all(abs(i - (n - 1) / 2) < 1.5 for i, n in zip(p, x.shape, strict=True)):
            centre.append(x[p])
    return float(np.mean(border) ** 2 + (np.mean(centre) - 1) ** 2)


def test_volumetric_equals_equation_4() -> None:
    size = np.array([0.02, 0.1, 0.3, 0.9])
    expected = (size.mean() - 0.5) ** 2 + 5 * ((0.02 - 0.15) ** 2 + (0.1 - 0.15) ** 2)
    assert volumetric(sizes(*size), shown(4)).item() == pytest.approx(expected, rel=1e-12)


def test_the_authors_code_takes_the_mean_over_the_images() -> None:
    expected = (0.06 - 0.5) ** 2 + 5 * ((0.02 - 0.15) ** 2 + (0.1 - 0.15) ** 2) / 2
    assert volumetric(sizes(0.02, 0.1), shown(2), small_objects="mean").item() == pytest.approx(expected, rel=1e-12)


def test_the_priors_can_be_those_of_small_organs() -> None:
    loss = VolumetricLoss(mean=0.0135, minimum=0.001, small_weight=2.0)
    logits = torch.tensor([[0.9995, 0.0005], [0.98, 0.02]], dtype=torch.float64).log().unsqueeze(2).repeat(1, 1, 6)
    expected = (0.01025 - 0.0135) ** 2 + 2 * 0.0005**2
    assert loss(logits, shown(2)).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_the_size_is_that_of_everything_but_the_background_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits = random_logits(3, 4, *spatial)
    size = 1 - averages(logits)[:, 0]
    expected = (size.mean() - 0.5) ** 2 + 5 * (np.maximum(0.95 - size, 0) ** 2).sum()
    found = VolumetricLoss(minimum=0.95)(logits, shown(3, 4))
    assert found.item() == pytest.approx(expected, rel=1e-12)
    assert NegativeLoss()(logits, torch.tensor([[True, False, False, False]] * 3)).item() == pytest.approx(
        (size**2).mean(), rel=1e-12
    )


@pytest.mark.parametrize("spatial", [(9,), (8, 9), (10, 8), (7, 9, 8)])
@pytest.mark.parametrize("width", [1, 3])
def test_positional_equals_equation_5_in_any_dimension(spatial: tuple[int, ...], width: int) -> None:
    logits = random_logits(2, 3, *spatial)
    expected = np.mean([positional_written_out(x, width) for x in 1 - probabilities(logits)[:, 0]])
    found = PositionalLoss(border_width=width)(logits, shown(2, 3))
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("pixels", "side", "inside"), [(128, 3, 2), (128, 4, 4), (9, 3, 3), (9, 1, 1), (8, 1, 0)])
def test_the_box_at_the_centre_is_symmetric(pixels: int, side: int, inside: int) -> None:
    logits = torch.zeros(1, 2, pixels, dtype=torch.float64, requires_grad=True)
    loss = PositionalLoss(centre_side=side)(logits, shown(1))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[0, 1] < 0).sum() == inside
    torch.testing.assert_close(gradient, gradient.flip(2))


def test_an_object_in_the_middle_that_keeps_off_the_border_costs_nothing() -> None:
    x = torch.zeros(1, 9, 9)
    x[0, 3:6, 3:6] = 1
    assert positional(torch.stack([1 - x, x], 1), shown(1)).item() == 0
    assert positional(torch.stack([x, 1 - x], 1), shown(1)).item() == 2


def test_padding_on_any_side_moves_neither_border_nor_centre() -> None:
    logits = random_logits(2, 2, 8, 9)
    expected = PositionalLoss()(logits, shown(2))
    for left, right, top, bottom in [(0, 3, 0, 2), (3, 0, 1, 0), (1, 2, 4, 3)]:
        pad = (left, right, top, bottom)
        domain = nn.functional.pad(torch.ones(2, 8, 9, dtype=torch.bool), pad)
        prediction = Prediction(nn.functional.pad(logits, pad, value=math.nan), domain)
        torch.testing.assert_close(PositionalLoss()(prediction, shown(2)), expected)


def test_an_image_whose_middle_is_outside_the_domain_is_judged_by_its_border_alone() -> None:
    x = torch.full((1, 9, 9), 0.25)
    domain = torch.ones(1, 9, 9, dtype=torch.bool)
    domain[0, 3:6, 3:6] = False
    found = positional(torch.stack([1 - x, x], 1), shown(1), domain=domain)
    assert found.item() == pytest.approx(0.25**2)


def test_the_object_is_pushed_out_of_negative_images_and_not_into_them_as_printed() -> None:
    logits = random_logits(2, 2, 4, 5).requires_grad_()
    value = NegativeLoss()(logits, torch.tensor([NOT_SHOWN, NOT_SHOWN]))
    (gradient,) = torch.autograd.grad(value, logits)
    assert (gradient[:, 1] > 0).all()
    assert negative(sizes(0.0, 0.0), torch.tensor([NOT_SHOWN, NOT_SHOWN])) == 0


@pytest.mark.parametrize("loss", [VolumetricLoss(), PositionalLoss()])
def test_volume_and_place_are_only_for_images_that_show_the_object(loss: nn.Module) -> None:
    logits = random_logits(3, 2, 8, 8)
    tags = torch.tensor([SHOWN, NOT_SHOWN, UNKNOWN])
    torch.testing.assert_close(loss(logits, tags), loss(logits[:1], tags[:1]))
    logits.requires_grad_()
    value = loss(logits, tags[[1, 1, 2]])
    (gradient,) = torch.autograd.grad(value, logits)
    assert value == 0
    assert not gradient.any()


def test_negative_is_only_for_images_known_not_to_show_the_object() -> None:
    tags = torch.tensor([SHOWN, NOT_SHOWN, UNKNOWN])
    assert negative(sizes(0.9, 0.3, 0.8), tags).item() == pytest.approx(0.09)
    assert negative(sizes(0.9, 0.8), tags[[0, 2]]) == 0


@settings(max_examples=10)
@given(seed=st.integers(0, 99), state=st.sampled_from([SHOWN, NOT_SHOWN]))
@pytest.mark.parametrize(
    "loss", [VolumetricLoss(), VolumetricLoss(small_objects="mean"), PositionalLoss(), NegativeLoss()]
)
def test_gradient_is_right(loss: nn.Module, seed: int, state: list[bool]) -> None:
    tags = torch.tensor([SHOWN, state])
    logits = (random_logits(2, 2, 3, 4, seed=seed) - torch.tensor([0, 3]).reshape(2, 1, 1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, tags), logits)


@pytest.mark.parametrize("probability", [1e-3, 1e-30])
def test_an_object_that_is_nearly_forgotten_is_raised_never_lowered(probability: float) -> None:
    logits = torch.zeros(1, 2, 4, 5)
    logits[:, 1] = math.log(probability)
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(VolumetricLoss()(logits, shown(1)), logits)
    assert (gradient[:, 1] < 0).all()
    (gradient,) = torch.autograd.grad(PositionalLoss(border_width=1)(logits, shown(1)), logits)
    assert (gradient[:, 1, 1:3, 1:4] < 0).all()


def test_wrong_settings_tags_and_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mean must be a fraction of the image, .* found 1.0"):
        VolumetricLoss(mean=1.0)
    with pytest.raises(ValueError, match=r"minimum must be a fraction of the image, .* found -0.1"):
        VolumetricLoss(minimum=-0.1)
    with pytest.raises(ValueError, match="small_weight must be a finite number above 0"):
        VolumetricLoss(small_weight=0.0)
    with pytest.raises(ValueError, match="small_objects must be one of 'sum', 'mean', found 'paper'"):
        VolumetricLoss(small_objects="paper")
    with pytest.raises(ValueError, match="border_width must be a finite number above 0, found 0"):
        PositionalLoss(border_width=0)
    with pytest.raises(ValueError, match="centre_side must be a finite number above 0, found 0"):
        PositionalLoss(centre_side=0)
    for loss in (VolumetricLoss(), PositionalLoss(), NegativeLoss()):
        with pytest.raises(ValueError, match=r"tags .* = \(1, 2\), found \(1, 3\)"):
            loss(torch.zeros(1, 2, 4), shown(1, 3))
    with pytest.raises(ValueError, match=r"domain .* = \(1, 4\), found \(1, 5\)"):
        positional(torch.zeros(1, 2, 4), shown(1), domain=torch.ones(1, 5, dtype=torch.bool))
