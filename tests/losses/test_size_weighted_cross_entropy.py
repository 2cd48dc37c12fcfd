import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, library

from medsize.losses import (
    Prediction,
    SizeWeightedCrossEntropyLoss,
    component_weights,
    cross_entropy,
    size_weighted_cross_entropy,
)
from tests.losses.oracle import probabilities, random_batch, random_logits
from tests.losses.test_connected_components import by_scipy


def weights_written_out(label: Tensor, limit: float) -> np.ndarray:
    """P4 eq. 3, pixel by pixel."""
    weights = np.ones(label.shape)
    for image, weight in zip(label.numpy(), weights, strict=True):
        component = by_scipy(image)
        for pixel in np.argwhere(component > 0):
            own = component[tuple(pixel)]
            of_class, of_component = (image == image[tuple(pixel)]).sum(), (component == own).sum()
            weight[tuple(pixel)] = min(limit, of_class / of_component)
    return weights


def written_out(logits: Tensor, label: Tensor, limit: float) -> float:
    probs, weights = probabilities(logits), weights_written_out(label, limit)
    costs = [
        -weights[index] * np.log(probs[index[0], int(label[index]), *index[1:]])
        for index in np.ndindex(*label.shape)
        if label[index] != 255
    ]
    return float(np.mean(costs))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 9999),
    spatial=st.sampled_from([(20,), (6, 7), (3, 4, 5)]),
    limit=st.floats(1, 20),
)
def test_weights_equal_equation_3_in_any_dimension(seed: int, spatial: tuple[int, ...], limit: float) -> None:
    label = random_batch(2, 4, *spatial, seed=seed)["label"]
    label[torch.rand(label.shape, generator=torch.Generator().manual_seed(seed)) < 0.4] = 0
    np.testing.assert_allclose(component_weights(label, limit).numpy(), weights_written_out(label, limit), rtol=1e-6)


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_the_loss_equals_equation_4_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits, label = random_logits(2, 3, *spatial), random_batch(2, 3, *spatial)["seeds"]
    found = SizeWeightedCrossEntropyLoss(3.0)(logits, label)
    assert found.item() == pytest.approx(written_out(logits, label, 3.0), rel=1e-6)


def test_all_components_of_a_class_weigh_alike_together_as_long_as_none_reaches_the_limit() -> None:
    label = torch.tensor([[1, 1, 1, 0, 1, 0, 2, 0]])
    assert component_weights(label).tolist() == [pytest.approx([4 / 3] * 3 + [1, 4, 1, 1, 1])]
    assert component_weights(label, limit=2.0).tolist() == [pytest.approx([4 / 3] * 3 + [1, 2, 1, 1, 1])]


def test_components_are_those_of_one_class_in_one_image() -> None:
    label = torch.tensor([[1, 1, 0, 2], [0, 0, 0, 1], [1, 2, 0, 1]])
    assert component_weights(label).tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [2, 1, 1, 2]]


def test_an_ignored_pixel_parts_components_and_does_not_count() -> None:
    logits = random_logits(1, 2, 5)
    label = torch.tensor([[1, 255, 1, 1, 0]])
    assert component_weights(label).tolist() == [[3, 1, 1.5, 1.5, 1]]
    logits_without = logits[..., [0, 2, 3, 4]]
    weights = torch.tensor([3, 1.5, 1.5, 1])
    costs = torch.nn.functional.cross_entropy(logits_without, label[:, [0, 2, 3, 4]], reduction="none")
    torch.testing.assert_close(SizeWeightedCrossEntropyLoss()(logits, label), (weights * costs).mean())


def test_components_end_where_the_domain_does() -> None:
    logits, label = random_logits(1, 2, 4), torch.tensor([[1, 0, 1, 1]])
    domain = torch.tensor([[True, True, True, False]])
    found = SizeWeightedCrossEntropyLoss()(Prediction(logits, domain), label)
    torch.testing.assert_close(found, SizeWeightedCrossEntropyLoss()(logits[..., :3], label[:, :3]))


@pytest.mark.parametrize("limit", [1.0, 5.0])
def test_it_is_the_cross_entropy_at_limit_1_or_if_each_class_is_in_one_piece(limit: float) -> None:
    log_probs = random_logits(2, 3, 4, 4).log_softmax(1)
    pieces = torch.zeros(2, 4, 4, dtype=torch.uint8)
    pieces[:, :2] = 1
    pieces[0, 0, 0] = 2
    torch.testing.assert_close(size_weighted_cross_entropy(log_probs, pieces, limit), cross_entropy(log_probs, pieces))
    scattered = random_batch(2, 3, 4, 4)["label"]
    torch.testing.assert_close(
        size_weighted_cross_entropy(log_probs, scattered, 1.0), cross_entropy(log_probs, scattered)
    )


def test_gradient_is_right() -> None:
    label, loss = random_batch(2, 3, 3, 4)["label"], SizeWeightedCrossEntropyLoss()
    assert torch.autograd.gradcheck(lambda x: loss(x, label), random_logits(2, 3, 3, 4).requires_grad_())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64])
def test_labels_of_any_integer_type_have_the_same_weights(dtype: torch.dtype) -> None:
    label = random_batch(2, 4, 5, 5)["label"]
    weights = component_weights(label.to(dtype))
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, component_weights(label))


def test_the_weights_are_an_operator_that_torch_can_trace() -> None:
    label = random_batch(2, 4, 5, 5)["label"]
    library.opcheck(torch.ops.medsize.class_over_component, (label,))


def test_wrong_labels_and_limits_are_refused() -> None:
    log_probs = torch.zeros(1, 2, 3, 3)
    with pytest.raises(ValueError, match=r"found 2 in image 0 of the batch at pixel \(0, 0\)"):
        size_weighted_cross_entropy(log_probs, torch.full((1, 3, 3), 2))
    with pytest.raises(ValueError, match=r"\(B, \*spatial\) = \(1, 3, 3\), found \(1, 9\)"):
        size_weighted_cross_entropy(log_probs, torch.zeros(1, 9, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"integer type such as uint8, found torch\.float32"):
        component_weights(torch.zeros(1, 3, 3))
    for limit in (0.5, float("nan")):
        with pytest.raises(ValueError, match=f"limit must be at least 1, .* found {limit}"):
            SizeWeightedCrossEntropyLoss(limit)
