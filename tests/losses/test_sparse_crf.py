import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.losses import Prediction, SparseCRFLoss, sparse_crf
from medsize.losses.sparse_crf import CRFForm, SparseNormalise
from tests.losses.oracle import probabilities, random_batch, random_logits

FORMS: list[CRFForm] = ["absolute", "bilinear"]


def written_out(
    probs: np.ndarray,
    image: np.ndarray,
    sigma: float,
    form: CRFForm,
    domain: np.ndarray | None = None,
    normalise: SparseNormalise = "pairs",
    spacing: tuple[float, ...] | None = None,
) -> float:
    """Half the sum over ordered pairs (p, q), as in P0 eq. 3, over what normalises it, mean over images."""
    costs = []
    spatial = probs.shape[2:]
    for i in range(len(probs)):
        cost, pairs, affinity = 0.0, 0.0, 0.0
        for p in np.ndindex(*spatial):
            for q in np.ndindex(*spatial):
                if sum(abs(a - b) for a, b in zip(p, q, strict=True)) != 1:
                    continue
                if domain is not None and not (domain[(i, *p)] and domain[(i, *q)]):
                    continue
                s_p, s_q = probs[(i, slice(None), *p)], probs[(i, slice(None), *q)]
                colour = image[(i, slice(None), *p)] - image[(i, slice(None), *q)]
                w = math.exp(-(np.linalg.norm(colour) ** 2) / (2 * sigma**2))
                axis = next(axis for axis, (a, b) in enumerate(zip(p, q, strict=True)) if a != b)
                face = 0.5 if spacing is None else 0.5 * min(spacing) / spacing[axis]
                d = float(np.abs(s_p - s_q).sum() / 2 if form == "absolute" else (s_p * (1 - s_q)).sum())
                cost, pairs, affinity = cost + face * w * d, pairs + face, affinity + face * w
        pixels = math.prod(spatial) if domain is None else domain[i].sum()
        costs.append(cost / {"pairs": pairs, "none": 1, "pixels": pixels, "affinity": affinity}[normalise])
    return float(np.mean(costs))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spatial", [(7,), (4, 5), (3, 2, 3)])
def test_equals_the_sum_over_all_pairs_in_any_dimension(form: CRFForm, spatial: tuple[int, ...]) -> None:
    logits, image = random_logits(2, 3, *spatial), random_batch(2, 3, *spatial)["image"]
    expected = written_out(probabilities(logits), image.numpy(), 0.3, form)
    assert SparseCRFLoss(0.3, form)(logits, image).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("normalise", ["pairs", "none", "pixels", "affinity"])
@pytest.mark.parametrize("spacing", [None, (5.0, 1.0, 1.0), (1.0, 2.0, 0.5)])
def test_equals_the_sum_under_each_normalisation_and_spacing(
    normalise: SparseNormalise, spacing: tuple[float, ...] | None
) -> None:
    logits, image = random_logits(2, 3, 3, 2, 3), random_batch(2, 3, 3, 2, 3)["image"]
    domain = torch.ones(2, 3, 2, 3, dtype=torch.bool)
    domain[0, 2] = False
    expected = written_out(probabilities(logits), image.numpy(), 0.3, "absolute", domain.numpy(), normalise, spacing)
    loss = SparseCRFLoss(0.3, normalise=normalise, spacing=spacing)
    assert loss(Prediction(logits, domain), image).item() == pytest.approx(expected, rel=1e-10)


def test_a_border_costs_its_area_whichever_way_it_runs() -> None:
    image = torch.zeros(1, 1, 6, 12, 24)  # a cube of 24 mm in voxels of 4 × 2 × 1 mm
    costs = []
    for axis in (2, 3, 4):
        x = torch.zeros_like(image)
        x.narrow(axis, 0, x.shape[axis] // 2).fill_(1)
        probs = torch.cat([1 - x, x], 1)
        costs.append(sparse_crf(probs, image, 1.0, normalise="none", spacing=(4.0, 2.0, 1.0)).item())
    assert costs == pytest.approx([72.0] * 3)


@pytest.mark.parametrize("form", FORMS)
def test_only_pairs_inside_the_domain_count_whatever_the_padding_holds(form: CRFForm) -> None:
    logits, image = random_logits(2, 3, 4, 4), random_batch(2, 3, 4, 4)["image"]
    domain = torch.ones(2, 4, 4, dtype=torch.bool)
    domain[0, 3:] = False
    domain[1, 1, 1:] = False
    expected = written_out(probabilities(logits), image.numpy(), 0.3, form, domain.numpy())
    padding = ~domain.unsqueeze(1)
    dirty = logits.masked_fill(padding, float("nan")).requires_grad_()
    value = SparseCRFLoss(0.3, form)(Prediction(dirty, domain), image.masked_fill(padding, float("nan")))
    value.backward()
    assert value.item() == pytest.approx(expected, rel=1e-10)
    assert dirty.grad is not None
    assert dirty.grad.isfinite().all()


def test_absolute_form_is_the_objects_difference_for_two_classes() -> None:
    x = torch.tensor([0.1, 0.6, 0.9], dtype=torch.float64)
    probs = torch.stack([1 - x, x]).unsqueeze(0)
    flat = torch.zeros(1, 1, 3, dtype=torch.float64)
    assert sparse_crf(probs, flat, 1.0).item() == pytest.approx((0.5 + 0.3) / 2)


@pytest.mark.parametrize("form", FORMS)
def test_certain_predictions_cost_the_share_of_weighted_pairs_with_different_classes(form: CRFForm) -> None:
    labels = torch.tensor([[[0, 0, 2], [1, 0, 2]]])
    probs = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).double()
    flat = torch.zeros(1, 1, 2, 3, dtype=torch.float64)
    assert sparse_crf(probs, flat, 1.0, form=form).item() == pytest.approx(4 / 7)
    assert sparse_crf(probs[:, [2, 0, 1]], flat, 1.0, form=form).item() == pytest.approx(4 / 7)


def test_a_border_on_an_edge_of_the_image_is_cheaper() -> None:
    probs = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]])
    on_the_edge = sparse_crf(probs, torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]), 0.1)
    beside_it = sparse_crf(probs, torch.tensor([[[0.0, 1.0, 1.0, 1.0]]]), 0.1)
    assert on_the_edge < 1e-6
    assert beside_it.item() == pytest.approx(1 / 3)


@settings(max_examples=15)
@given(seed=st.integers(0, 99), form=st.sampled_from(FORMS))
def test_gradient_is_right(seed: int, form: CRFForm) -> None:
    image, loss = random_batch(1, 3, 2, 3, seed=seed)["image"], SparseCRFLoss(0.5, form)
    logits = random_logits(1, 3, 2, 3, seed=seed).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, image), logits)


@pytest.mark.parametrize("form", FORMS)
def test_one_pixel_has_no_pairs_and_costs_nothing(form: CRFForm) -> None:
    logits = torch.zeros(1, 2, 1, 1, requires_grad=True)
    value = SparseCRFLoss(0.1, form)(logits, torch.zeros(1, 1, 1, 1))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_precision_of_the_image_does_not_lower_that_of_the_loss() -> None:
    image = random_batch(1, 2, 4, 4)["image"].bfloat16()
    logits = random_logits(1, 2, 4, 4)
    expected = written_out(probabilities(logits), image.double().numpy(), 0.3, "absolute")
    assert SparseCRFLoss(0.3)(logits, image).item() == pytest.approx(expected, rel=1e-10)


def test_a_wrong_shape_form_or_sigma_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image .* \(B, C, \*spatial\) = \(1, 3, 4, 4\), found \(1, 3, 2, 2\)"):
        SparseCRFLoss(0.1)(torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match=r"image does not fit .* found \(1,\)"):
        SparseCRFLoss(0.1)(torch.zeros(1, 2, 4, 4), torch.zeros(1))
    with pytest.raises(ValueError, match="form must be one of 'absolute', 'bilinear', found 'potts'"):
        SparseCRFLoss(0.1, "potts")
    with pytest.raises(
        ValueError, match="normalise must be one of 'pairs', 'none', 'pixels', 'affinity', found 'mean'"
    ):
        SparseCRFLoss(0.1, normalise="mean")
    with pytest.raises(ValueError, match=r"spacing must have a number for each of 2 spatial axes, found \(1.0,\)"):
        SparseCRFLoss(0.1, spacing=(1.0,))(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4))
    for sigma in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"sigma must be a finite number above 0, found {sigma}"):
            SparseCRFLoss(sigma)
