import numpy as np
import pytest
import torch

from medsize.losses import IGNORE, PartialCrossEntropyLoss, Prediction, partial_cross_entropy
from tests.losses.oracle import probabilities, random_batch, random_logits


def written_out(logits: torch.Tensor, seeds: torch.Tensor) -> float:
    probs = probabilities(logits)
    costs = [
        -np.log(probs[index[0], int(seeds[index]), *index[1:]])
        for index in np.ndindex(*seeds.shape)
        if seeds[index] != IGNORE
    ]
    return float(np.mean(costs))


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_equals_equation_4_in_any_dimension(spatial: tuple[int, ...]) -> None:
    logits = random_logits(2, 3, *spatial)
    seeds = random_batch(2, 3, *spatial)["seeds"]
    found = partial_cross_entropy(logits.log_softmax(1), seeds)
    assert found.item() == pytest.approx(written_out(logits, seeds), rel=1e-12)


def test_gradient_is_right() -> None:
    seeds = random_batch(2, 3, 3, 2)["seeds"]
    logits = random_logits(2, 3, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: PartialCrossEntropyLoss()(x, seeds), logits)


def test_the_mean_is_over_the_seed_pixels_of_the_batch_not_over_images() -> None:
    log_probs = torch.tensor([[-1.0], [-4.0]]).expand(2, 3).reshape(2, 1, 3)
    seeds = torch.tensor([[0, 255, 255], [0, 0, 255]])
    assert partial_cross_entropy(log_probs, seeds).item() == pytest.approx((1 + 4 + 4) / 3)


def test_unlabelled_pixels_have_no_gradient() -> None:
    logits = random_logits(1, 2, 2, 2).requires_grad_()
    seeds = torch.tensor([[[1, 255], [255, 255]]])
    PartialCrossEntropyLoss()(logits, seeds).backward()
    assert logits.grad is not None
    assert logits.grad[0, 1, 0, 0] < 0 < logits.grad[0, 0, 0, 0]
    assert logits.grad[0].abs().sum(0).count_nonzero() == 1


def test_seeds_outside_the_domain_do_not_count() -> None:
    logits = random_logits(1, 2, 3)
    domain = torch.tensor([[True, True, False]])
    inside = PartialCrossEntropyLoss()(logits, torch.tensor([[0, 255, 255]]))
    assert PartialCrossEntropyLoss()(Prediction(logits, domain), torch.tensor([[0, 255, 1]])) == inside


def test_a_class_that_the_network_lacks_is_named_with_its_place() -> None:
    seeds = torch.full((2, 3, 3), IGNORE)
    seeds[1, 2, 0] = 4
    with pytest.raises(ValueError, match=r"expected 0 to 2 or 255 .* found 4 in image 1 .* pixel \(2, 0\)"):
        partial_cross_entropy(torch.zeros(2, 3, 3, 3), seeds)
    with pytest.raises(ValueError, match=r"found -1 in image 1"):
        partial_cross_entropy(torch.zeros(2, 3, 3, 3), seeds.where(seeds != 4, -1))


def test_seeds_of_the_wrong_shape_or_type_are_refused() -> None:
    log_probs = torch.zeros(2, 3, 4, 4)
    with pytest.raises(ValueError, match=r"\(B, \*spatial\) = \(2, 4, 4\), found \(2, 1, 4, 4\)"):
        partial_cross_entropy(log_probs, torch.zeros(2, 1, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"integer type such as uint8, found torch\.float32"):
        partial_cross_entropy(log_probs, torch.zeros(2, 4, 4))
    domain = torch.ones(2, 4, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"found \(2, 1, 4, 4\)"):
        PartialCrossEntropyLoss()(Prediction(log_probs, domain), torch.zeros(2, 1, 4, 4, dtype=torch.uint8))


@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 4)])
def test_over_images_it_is_the_mean_of_equation_2_of_sec(spatial: tuple[int, ...]) -> None:
    logits, seeds = random_logits(3, 4, *spatial), random_batch(3, 4, *spatial)["seeds"]
    each = [written_out(logits[i : i + 1], seeds[i : i + 1]) for i in range(3)]
    found = PartialCrossEntropyLoss("images")(logits, seeds)
    assert found.item() == pytest.approx(np.mean(each), rel=1e-12)


def test_over_images_an_image_with_few_seeds_weighs_like_one_with_many_and_one_without_does_not_count() -> None:
    log_probs = torch.tensor([[-1.0], [-4.0], [-9.0]]).expand(3, 3).reshape(3, 1, 3)
    seeds = torch.tensor([[0, 255, 255], [0, 0, 255], [255, 255, 255]])
    assert partial_cross_entropy(log_probs, seeds, mean_over="images").item() == pytest.approx((1 + 4) / 2)


def test_over_images_the_gradient_is_right() -> None:
    seeds, loss = random_batch(2, 3, 3, 2)["seeds"], PartialCrossEntropyLoss("images")
    assert torch.autograd.gradcheck(lambda x: loss(x, seeds), random_logits(2, 3, 3, 2).requires_grad_())


def test_an_unknown_mean_is_refused() -> None:
    with pytest.raises(ValueError, match="mean_over must be one of 'pixels', 'images', found 'batch'"):
        PartialCrossEntropyLoss("batch")
