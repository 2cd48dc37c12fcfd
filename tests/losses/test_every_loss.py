"""What holds for each loss alike."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from medsize.losses import (
    BalanceLoss,
    CollisionCrossEntropyLoss,
    ConstrainLoss,
    CrossEntropyLoss,
    DenseCRFLoss,
    ExpandLoss,
    FairnessLoss,
    FlatLogBarrierLoss,
    LogBarrierExtensionLoss,
    LogBarrierLoss,
    MeanField,
    NegativeLoss,
    Objective,
    PartialCrossEntropyLoss,
    PositionalLoss,
    Prediction,
    QuadraticBarrierLoss,
    SizeBoundsLoss,
    SizeTargetLoss,
    SizeWeightedCrossEntropyLoss,
    SparseCRFLoss,
    SuppressionLoss,
    VolumetricLoss,
    WeightedCrossEntropyLoss,
)
from tests.losses.oracle import random_batch, random_logits


def sharpen(probs: Tensor, image: Tensor, *, domain: Tensor | None) -> Tensor:
    """A refinement for constrain that looks at one pixel at a time: the brighter it is, the sharper."""
    sharpness = 1 + image.to(probs.dtype).mean(1, keepdim=True)
    refined = (probs + 1e-30) ** sharpness
    return refined / refined.sum(1, keepdim=True)


LOSSES: dict[str, nn.Module] = {
    "partial cross entropy": PartialCrossEntropyLoss(),
    "partial cross entropy over images": PartialCrossEntropyLoss("images"),
    "cross entropy": CrossEntropyLoss(),
    "collision cross entropy": CollisionCrossEntropyLoss(),
    "certain collision cross entropy": CollisionCrossEntropyLoss(1.0),
    "size target": SizeTargetLoss(),
    "reverse size target": SizeTargetLoss("reverse"),
    "size target over entropy": SizeTargetLoss(scale="entropy"),
    "size target over object": SizeTargetLoss(scale="object"),
    "size bounds": SizeBoundsLoss(),
    "quadratic barrier": QuadraticBarrierLoss(),
    "quadratic barrier on fractions": QuadraticBarrierLoss("fraction"),
    "log-barrier extension": LogBarrierExtensionLoss(),
    "log-barrier extension on fractions": LogBarrierExtensionLoss(scale="fraction"),
    "log barrier": LogBarrierLoss(),
    "flat log barrier": FlatLogBarrierLoss(0.1),
    "suppression": SuppressionLoss(),
    "weighted cross entropy": WeightedCrossEntropyLoss((90.0, 20.0, 5.0)),
    "fairness": FairnessLoss(),
    "balance": BalanceLoss((0.7, 0.2, 0.1)),
    "absolute sparse CRF": SparseCRFLoss(0.2),
    "bilinear sparse CRF": SparseCRFLoss(0.2, "bilinear"),
    "dense CRF": DenseCRFLoss(2.0, 0.3),
    "dense CRF of low rank": DenseCRFLoss(2.0, 0.3, "affinity", engine="low_rank"),
    "expand": ExpandLoss(),
    "constrain": ConstrainLoss(sharpen),
    "constrain through the CRF": ConstrainLoss(sharpen, through_crf=True),
    "constrain by mean field": ConstrainLoss(MeanField(sigma_space=3.0, sigma_intensity=0.3), through_crf=True),
    "volumetric": VolumetricLoss(),
    "mean volumetric": VolumetricLoss(small_objects="mean"),
    "positional": PositionalLoss(),
    "negative": NegativeLoss(),
    "size-weighted cross entropy": SizeWeightedCrossEntropyLoss(),
}
# Those for which class 0 differs from the others, and those for which the place of a pixel matters.
SINGLE_OUT_THE_BACKGROUND = {
    "weighted cross entropy",
    "balance",
    "size target over object",
    "expand",
    "volumetric",
    "mean volumetric",
    "positional",
    "negative",
    "size-weighted cross entropy",
}
SEE_PLACES = {"positional", "size-weighted cross entropy"}
# Padding takes part in what is left out.
APPROXIMATE = {"dense CRF of low rank"}
# The paper's sum over the images of a batch, an exception among means.
SUM_OVER_IMAGES = {"volumetric"}
CLASS_MAPS = ("seeds", "pseudo_label", "label")
UNKNOWN = {
    "seeds": 255,
    "pseudo_label": 255,
    "label": 255,
    "size_target": math.nan,
    "size_bounds": math.nan,
    "tags": False,
}

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
# An image is always known, so nothing is ever missing for the losses that ask for it; and they alone see neighbours.
informed_losses = {name: loss for name, loss in LOSSES.items() if loss.target != "image"}
each_informed_loss = pytest.mark.parametrize("loss", informed_losses.values(), ids=informed_losses.keys())


def evaluate(loss: nn.Module, logits: Tensor, target: Tensor, domain: Tensor | None = None) -> tuple[Tensor, Tensor]:
    logits = logits.detach().requires_grad_()
    value = loss(Prediction(logits, domain), target)
    value.backward()
    assert logits.grad is not None
    return value.detach(), logits.grad


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - SUM_OVER_IMAGES))
def test_repeating_the_batch_changes_nothing(name: str) -> None:
    loss = LOSSES[name]
    logits, target = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)[loss.target]
    repeated = loss(logits.repeat(3, 1, 1, 1), target.repeat(3, *[1] * (target.ndim - 1)))
    torch.testing.assert_close(repeated, loss(logits, target))


@pytest.mark.parametrize("name", sorted(informed_losses.keys() - SEE_PLACES))
def test_a_volume_equals_the_same_pixels_in_a_row(name: str) -> None:
    loss = LOSSES[name]
    logits, target = random_logits(2, 3, 2, 3, 4), random_batch(2, 3, 2, 3, 4)[loss.target]
    row = target.flatten(1) if loss.target in CLASS_MAPS else target
    torch.testing.assert_close(loss(logits.flatten(2), row), loss(logits, target))


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - APPROXIMATE))
@pytest.mark.parametrize("garbage", [1e4, math.nan])
def test_padding_with_garbage_equals_the_image_without_padding(name: str, garbage: float) -> None:
    loss = LOSSES[name]
    logits, batch = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)
    target = batch[loss.target]
    domain = nn.functional.pad(torch.ones(2, 4, 5, dtype=torch.bool), (0, 3, 0, 2))
    padded = nn.functional.pad(target, (0, 3, 0, 2), value=1) if target.shape[-2:] == (4, 5) else target
    value, gradient = evaluate(loss, nn.functional.pad(logits, (0, 3, 0, 2), value=garbage), padded, domain)
    expected_value, expected_gradient = evaluate(loss, logits, target)
    torch.testing.assert_close(value, expected_value)
    torch.testing.assert_close(gradient, nn.functional.pad(expected_gradient, (0, 3, 0, 2)))


@each_informed_loss
def test_without_information_the_loss_is_zero_with_zero_gradient(loss: nn.Module) -> None:
    target = torch.full_like(random_batch(2, 3, 4, 5)[loss.target], UNKNOWN[loss.target])
    value, gradient = evaluate(loss, random_logits(2, 3, 4, 5, scale=1e4).float(), target)
    assert value == 0
    assert not gradient.any()


@each_informed_loss
def test_an_image_without_information_changes_nothing(loss: nn.Module) -> None:
    logits, target = random_logits(3, 3, 4, 5), random_batch(3, 3, 4, 5)[loss.target].clone()
    target[1] = UNKNOWN[loss.target]
    value, gradient = evaluate(loss, logits, target)
    torch.testing.assert_close(value, loss(logits[[0, 2]], target[[0, 2]]))
    assert not gradient[1].any()


@each_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
@pytest.mark.parametrize("spatial", [(1, 1), (4, 5)])
def test_value_and_gradient_stay_finite_and_float32(
    loss: nn.Module, dtype: torch.dtype, scale: float, spatial: tuple[int, int]
) -> None:
    signs = torch.randint(0, 2, (2, 3, *spatial), generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    value, gradient = evaluate(loss, (scale * signs).to(dtype), random_batch(2, 3, *spatial)[loss.target])
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    assert value.isfinite()
    assert gradient.isfinite().all()


@each_loss
@pytest.mark.parametrize("winner", [0, 1, 2])
def test_all_pixels_one_class_stays_finite(loss: nn.Module, winner: int) -> None:
    logits = torch.full((2, 3, 4, 5), -1e4)
    logits[:, winner] = 1e4
    value, gradient = evaluate(loss, logits, random_batch(2, 3, 4, 5)[loss.target])
    assert value.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", [name for name, loss in informed_losses.items() if loss.target != "tags"])
@pytest.mark.parametrize("probability", [1e-3, 1e-30])
def test_a_present_class_that_is_nearly_forgotten_is_raised_never_lowered(name: str, probability: float) -> None:
    targets = {
        "seeds": torch.ones(1, 4, 5, dtype=torch.uint8),
        "label": torch.ones(1, 4, 5, dtype=torch.uint8),
        "pseudo_label": torch.ones(1, 4, 5, dtype=torch.uint8),
        "size_target": torch.tensor([[0.5, 0.5]]),
        "size_bounds": torch.tensor([[[0.4, 0.6], [0.4, 0.6]]]),
    }
    logits = torch.zeros(1, 2, 4, 5)
    logits[:, 1] = math.log(probability)
    loss = WeightedCrossEntropyLoss((9.0, 1.0)) if name == "weighted cross entropy" else LOSSES[name]
    _, gradient = evaluate(loss, logits, targets[LOSSES[name].target])
    assert (gradient[:, 1] < 0).all()


@pytest.mark.parametrize(
    ("name", "target", "slope"),
    [
        ("partial cross entropy", torch.ones(1, 4, 5, dtype=torch.uint8), -1 / 20),
        ("size target", torch.tensor([[0.5, 0.5]]), -0.5 / 20),
        ("size target over object", torch.tensor([[0.5, 0.5]]), -1 / 20),
        ("log barrier", torch.tensor([[True, True]]), -1 / 20),
        ("flat log barrier", torch.tensor([[True, True]]), -1 / 20),
    ],
)
def test_a_present_class_that_is_forgotten_entirely_is_still_raised(name: str, target: Tensor, slope: float) -> None:
    logits = torch.tensor([[1e4], [-1e4]]).repeat(1, 20).reshape(1, 2, 4, 5)
    value, gradient = evaluate(LOSSES[name], logits, target)
    assert value.isfinite()
    torch.testing.assert_close(gradient[:, 1], torch.full((1, 4, 5), slope))


@settings(max_examples=10)
@given(order=st.permutations(range(3)))
@pytest.mark.parametrize("name", sorted(LOSSES.keys() - SINGLE_OUT_THE_BACKGROUND))
def test_renaming_the_classes_changes_nothing(name: str, order: list[int]) -> None:
    loss = LOSSES[name]
    logits, target = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)[loss.target]
    renamed = target
    if loss.target in CLASS_MAPS:
        new_name = torch.full((256,), 255)
        new_name[order] = torch.arange(3)
        renamed = new_name[target.long()]
    elif loss.target != "image":
        renamed = target[:, order]
    torch.testing.assert_close(loss(logits[:, order], renamed), loss(logits, target))


def test_an_objective_of_every_loss_compiles_into_one_graph() -> None:
    objective = Objective({name: (1.0, loss) for name, loss in LOSSES.items()})
    logits, batch = random_logits(2, 3, 4, 5), random_batch(2, 3, 4, 5)
    batch["domain"] = torch.ones(2, 4, 5, dtype=torch.bool)
    compiled = torch.compile(objective, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(logits, batch).total, objective(logits, batch).total)


def at_volume_level() -> dict[str, nn.Module]:
    return {
        "size target": SizeTargetLoss(scale="object", level="volume"),
        "size bounds": SizeBoundsLoss(level="volume"),
        "quadratic barrier": QuadraticBarrierLoss(level="volume"),
        "log-barrier extension": LogBarrierExtensionLoss(level="volume"),
        "log barrier": LogBarrierLoss(level="volume"),
        "flat log barrier": FlatLogBarrierLoss(0.1, level="volume"),
        "suppression": SuppressionLoss(level="volume"),
    }


@pytest.mark.parametrize("name", at_volume_level())
def test_the_loss_of_a_volume_is_that_of_its_slices_laid_side_by_side(name: str) -> None:
    volume, batch, case = at_volume_level()[name], random_batch(3, 3, 4, 5), torch.tensor([4, 8, 4, 8, 4, 6])
    logits = random_logits(6, 3, 4, 5).requires_grad_()
    rows = torch.tensor([0, 1, 0, 1, 0, 2])
    found = Objective({name: (1.0, volume)})(logits, {volume.target: batch[volume.target][rows], "case": case}).total
    singles = [torch.cat(list(logits[rows == i]), 1).unsqueeze(0) for i in range(3)]
    slice_loss = type(volume)(**({"epsilon": 0.1} if name == "flat log barrier" else {}))
    if name == "size target":
        slice_loss = SizeTargetLoss(scale="object")
    expected = sum(slice_loss(laid, batch[volume.target][[i]]) for i, laid in enumerate(singles)) / 3
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in (found, expected)))


def test_an_objective_of_every_loss_on_volumes_compiles_into_one_graph() -> None:
    objective = Objective({name: (1.0, loss) for name, loss in at_volume_level().items()})
    logits, batch = random_logits(4, 3, 4, 5), random_batch(2, 3, 4, 5)
    batch = {key: value[[0, 1, 0, 1]] for key, value in batch.items()} | {"case": torch.tensor([0, 1, 0, 1])}
    assert "case" in objective.targets
    compiled = torch.compile(objective, backend="eager", fullgraph=True)
    for epoch in range(2):
        objective.begin_epoch(epoch)
        torch.testing.assert_close(compiled(logits, batch).total, objective(logits, batch).total)
