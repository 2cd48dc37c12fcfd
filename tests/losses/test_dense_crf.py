import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from medsize.losses import DenseCRFLoss, Prediction, dense_crf
from medsize.losses.dense_crf import Normalise
from tests.losses.gaussian_filter.photo import photo, soft_masks
from tests.losses.oracle import Array, probabilities, random_batch, random_logits

NORMALISE: list[Normalise] = ["none", "pixels", "affinity"]


def affinities(image: Array, domain: Array, sigma_space: float, sigma_intensity: float, spacing: list[float]) -> Array:
    """W of one image (C, *spatial) between the pixels of its domain."""
    features = [
        [*(i * d / sigma_space for i, d in zip(p, spacing, strict=True)), *(image[(slice(None), *p)] / sigma_intensity)]
        for p in np.argwhere(domain)
    ]
    difference = np.array(features)[:, None] - np.array(features)
    return np.asarray(np.exp(-(difference**2).sum(2) / 2))


def written_out(
    probs: Array,
    image: Array,
    normalise: Normalise,
    domain: Array | None = None,
    spacing: tuple[float, ...] | None = None,
) -> float:
    """``Σ_k (1 − S^k)ᵀ W S^k`` with W as a matrix."""
    energies = []
    for i in range(len(probs)):
        inside = np.ones(probs.shape[2:], bool) if domain is None else domain[i]
        W = affinities(image[i], inside, 2.0, 0.3, list(spacing or [1.0] * inside.ndim))
        S = probs[i][:, inside]
        energy = sum((1 - S_k) @ W @ S_k for S_k in S)
        energies.append(energy / {"none": 1, "pixels": inside.sum(), "affinity": W.sum()}[normalise])
    return float(np.mean(energies))


@pytest.mark.parametrize("normalise", NORMALISE)
@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 3)])
def test_equals_the_double_sum_in_any_dimension(normalise: Normalise, spatial: tuple[int, ...]) -> None:
    logits, image = random_logits(2, 3, *spatial), random_batch(2, 3, *spatial)["image"]
    spacing = (1.0, 2.5, 0.5)[: len(spatial)]
    loss = DenseCRFLoss(2.0, 0.3, normalise, spacing=spacing)
    expected = written_out(probabilities(logits), image.numpy(), normalise, spacing=spacing)
    assert loss(logits, image).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("normalise", NORMALISE)
def test_only_pairs_inside_the_domain_count_whatever_the_padding_holds(normalise: Normalise) -> None:
    logits, image = random_logits(2, 3, 4, 4), random_batch(2, 3, 4, 4)["image"]
    domain = torch.ones(2, 4, 4, dtype=torch.bool)
    domain[0, 3:] = False
    domain[1, 1, 1:3] = False
    padding = ~domain.unsqueeze(1)
    expected = written_out(probabilities(logits), image.numpy(), normalise, domain.numpy())
    dirty = logits.masked_fill(padding, math.nan).requires_grad_()
    value = DenseCRFLoss(2.0, 0.3, normalise)(Prediction(dirty, domain), image.masked_fill(padding, math.nan))
    value.backward()
    assert value.item() == pytest.approx(expected, rel=1e-10)
    assert dirty.grad is not None
    assert dirty.grad.isfinite().all()
    assert not dirty.grad[padding.expand_as(dirty)].any()


@settings(max_examples=10)
@given(seed=st.integers(0, 99), normalise=st.sampled_from(NORMALISE), half=st.booleans())
def test_gradient_is_right(seed: int, normalise: Normalise, half: bool) -> None:
    image = random_batch(2, 3, 3, 4, seed=seed)["image"]
    domain = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(seed)) < 0.7
    domain[:, 0, 0] = True
    loss = DenseCRFLoss(2.0, 0.3, normalise, half_resolution=half)
    logits = random_logits(2, 3, 3, 4, seed=seed).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(Prediction(x, domain), image), logits)


def test_gradient_is_minus_twice_the_filtered_probabilities_but_for_a_part_alike_for_all_classes() -> None:
    probs, image = soft_masks(1, 3, 4, 5).double().requires_grad_(), photo(1, 3, 4, 5).double()
    dense_crf(probs, image, sigma_space=2.0, sigma_intensity=0.3).backward()
    W = affinities(image[0].numpy(), np.ones((4, 5), bool), 2.0, 0.3, [1, 1])
    expected = -2 * probs.detach()[0].flatten(1).numpy() @ W
    assert probs.grad is not None
    found = probs.grad[0].flatten(1).numpy()
    np.testing.assert_allclose(found - found.mean(0), expected - expected.mean(0), rtol=1e-9, atol=1e-12)


def test_certain_predictions_cost_the_affinity_between_pixels_of_different_classes() -> None:
    label = torch.tensor([[0, 0, 1, 2]])
    probs = F.one_hot(label, 3).movedim(-1, 1).double()
    image = torch.tensor([[[0.0, 0.0, 0.0, 9.0]]]).double()
    value = dense_crf(probs, image, sigma_space=1.0, sigma_intensity=0.1)
    assert value.item() == pytest.approx(2 * (math.exp(-1 / 2) + math.exp(-4 / 2)))
    share = dense_crf(probs, image, sigma_space=1.0, sigma_intensity=0.1, normalise="affinity")
    assert share.item() == pytest.approx(value.item() / (4 + 4 * math.exp(-1 / 2) + 2 * math.exp(-4 / 2)))


def test_a_prediction_of_one_class_costs_nothing() -> None:
    logits = torch.tensor([50.0, -50.0]).reshape(1, 2, 1, 1).expand(1, 2, 50, 50)
    assert DenseCRFLoss(5.0, 0.1)(logits, photo(1, 3, 50, 50)).item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 6), (4, 6, 2)])
def test_half_resolution_equals_the_loss_on_the_halved_image(size: tuple[int, ...]) -> None:
    probs, image = soft_masks(2, 3, *size).double(), photo(2, 2, *size).double()
    half = [max(1, n // 2) for n in size]
    mode = {2: "bilinear", 3: "trilinear"}[len(size)]
    expected = dense_crf(
        F.interpolate(probs, half, mode=mode, align_corners=False),
        F.interpolate(image, half, mode="nearest"),
        sigma_space=2.0,
        sigma_intensity=0.2,
    )
    found = dense_crf(probs, image, sigma_space=4.0, sigma_intensity=0.2, half_resolution=True)
    torch.testing.assert_close(found, expected)


def test_padding_does_not_reach_into_the_halved_image() -> None:
    probs, image = soft_masks(1, 2, 6, 6).double(), photo(1, 1, 6, 6).double()
    domain = torch.zeros(1, 8, 8, dtype=torch.bool)
    domain[:, :6, :6] = True
    found = dense_crf(
        F.pad(probs, (0, 2, 0, 2), value=math.nan),
        F.pad(image, (0, 2, 0, 2), value=math.nan),
        sigma_space=4.0,
        sigma_intensity=0.2,
        half_resolution=True,
        domain=domain,
    )
    expected = dense_crf(probs, image, sigma_space=4.0, sigma_intensity=0.2, half_resolution=True)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("normalise", NORMALISE)
def test_an_image_of_which_half_the_resolution_leaves_nothing_costs_nothing(normalise: Normalise) -> None:
    domain = torch.zeros(1, 4, 4, dtype=torch.bool)
    domain[:, 1, 1] = True  # the nearest pixels are those at even places
    logits = random_logits(1, 3, 4, 4).requires_grad_()
    loss = DenseCRFLoss(2.0, 0.3, normalise, half_resolution=True)
    value = loss(Prediction(logits, domain), random_batch(1, 3, 4, 4)["image"])
    value.backward()
    assert value == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("classes", [2, 21, 81])
def test_engines_agree_for_few_and_many_classes(classes: int) -> None:
    image, probs = photo(2, 3, 48, 40), soft_masks(2, classes, 48, 40)
    values = [
        dense_crf(probs, image, sigma_space=15.0, sigma_intensity=15 / 255, engine=engine).item()
        for engine in ("exact", "low_rank")
    ]
    assert values[1] == pytest.approx(values[0], rel=0.03)


def test_the_precision_of_the_image_does_not_lower_that_of_the_loss() -> None:
    image, logits = random_batch(1, 2, 4, 4)["image"].bfloat16(), random_logits(1, 2, 4, 4)
    expected = written_out(probabilities(logits), image.double().numpy(), "none")
    assert DenseCRFLoss(2.0, 0.3)(logits, image).item() == pytest.approx(expected, rel=1e-6)


def test_a_wrong_shape_or_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image does not fit .* \(1, 3, 4, 4\), found \(1, 3, 2, 2\)"):
        DenseCRFLoss()(torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match="normalise must be one of 'none', 'pixels', 'affinity', found 'mean'"):
        DenseCRFLoss(normalise="mean")
    with pytest.raises(ValueError, match="engine must be one of 'auto', 'exact', 'low_rank', found 'lattice'"):
        DenseCRFLoss(engine="lattice")
    with pytest.raises(ValueError, match="sigma_space must be a finite number above 0, found 0"):
        DenseCRFLoss(0)
    with pytest.raises(ValueError, match="sigma_intensity must be a finite number above 0, found nan"):
        DenseCRFLoss(sigma_intensity=math.nan)
