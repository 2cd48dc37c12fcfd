import math

import numpy as np
import pytest
import torch

from medsize.losses import ConstrainLoss, MeanField, Prediction
from tests.losses.gaussian_filter.photo import photo, soft_masks
from tests.losses.oracle import Array, random_batch, random_logits


def softmax(scores: Array) -> Array:
    exponentials = np.exp(scores - scores.max(0))
    return np.asarray(exponentials / exponentials.sum(0))


def written_out(probs: Array, image: Array, crf: MeanField, domain: Array | None = None) -> Array:
    """The iterations of one image after another, with the kernels as normalised matrices."""
    refined = probs.copy()
    for i in range(len(probs)):
        inside = np.ones(probs.shape[2:], bool) if domain is None else domain[i]
        place = np.argwhere(inside) * np.array(crf.spacing or [1.0] * inside.ndim)
        bilateral = np.concatenate([place / crf.sigma_space, image[i][:, inside].T / crf.sigma_intensity], 1)
        S = probs[i][:, inside]
        kernels = []
        for weight, f in ((crf.bilateral_weight, bilateral), (crf.smoothness_weight, place / crf.smoothness_sigma)):
            W = np.exp(-((f[:, None] - f) ** 2).sum(2) / 2)
            D = W.sum(1)
            kernels.append(weight * W / np.sqrt(D[:, None] * D))
        Q = S
        for _ in range(crf.iterations):
            Q = softmax(np.log(S) + sum(Q @ kernel for kernel in kernels))
        refined[i][:, inside] = Q
    return refined


@pytest.mark.parametrize("spatial", [(9,), (4, 5), (3, 2, 4)])
def test_equals_mean_field_with_matrices_in_any_dimension(spatial: tuple[int, ...]) -> None:
    probs, image = soft_masks(2, 3, *spatial).double(), photo(2, 3, *spatial).double()
    crf = MeanField(
        sigma_space=3.0,
        sigma_intensity=0.2,
        bilateral_weight=2.0,
        smoothness_sigma=1.5,
        smoothness_weight=0.7,
        iterations=4,
        spacing=(1.0, 0.5, 2.0)[: len(spatial)],
    )
    np.testing.assert_allclose(crf(probs, image), written_out(probs.numpy(), image.numpy(), crf), rtol=1e-9)


def test_padding_neither_sends_nor_receives() -> None:
    probs, image = soft_masks(2, 3, 5, 6).double(), photo(2, 1, 5, 6).double()
    domain = torch.ones(2, 5, 6, dtype=torch.bool)
    domain[0, 4:] = False
    domain[1, :, 2] = False
    crf = MeanField(sigma_space=3.0, sigma_intensity=0.2, iterations=3)
    expected = written_out(probs.numpy(), image.numpy(), crf, domain.numpy())
    found = crf(probs, image.masked_fill(~domain.unsqueeze(1), math.nan), domain=domain)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_gradient_runs_through_all_iterations() -> None:
    image = photo(1, 1, 3, 3).double()
    crf = MeanField(sigma_space=2.0, sigma_intensity=0.3, bilateral_weight=1.0, iterations=3)
    logits = random_logits(1, 2, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: crf(x.softmax(1), image), logits)


def test_an_edge_of_the_image_wins_over_a_noisy_prediction() -> None:
    image = torch.full((1, 1, 60, 60), 0.2)
    image[..., 20:40, 20:40] = 0.8
    truth = (image[:, 0] > 0.5).long()
    noise = torch.randn(1, 60, 60, generator=torch.Generator().manual_seed(0))
    score = truth * 2.0 - 1 + 1.5 * noise
    probs = torch.stack([-score, score], 1).softmax(1)
    refined = MeanField(sigma_space=20.0)(probs, image)
    assert (probs.argmax(1) != truth).float().mean() > 0.2
    assert (refined.argmax(1) == truth).all()
    torch.testing.assert_close(refined.sum(1), torch.ones(1, 60, 60))


def test_a_colour_like_no_other_among_many_stays_finite() -> None:
    image = photo(1, 3, 60, 60)
    image[..., 30, 30] = torch.tensor([50.0, -50.0, 50.0])
    refined = MeanField(sigma_space=20.0)(soft_masks(1, 3, 60, 60), image)
    assert refined.isfinite().all()


def test_constrain_takes_it_with_and_without_a_gradient_through_it() -> None:
    logits, image = random_logits(1, 3, 4, 5), random_batch(1, 3, 4, 5)["image"]
    crf = MeanField(sigma_space=3.0, sigma_intensity=0.3, iterations=2)
    gradients = []
    for through_crf in (False, True):
        x = logits.clone().requires_grad_()
        ConstrainLoss(crf, through_crf)(Prediction(x), image).backward()
        assert x.grad is not None
        gradients.append(x.grad)
    assert gradients[0].any()
    assert not torch.allclose(gradients[0], gradients[1])


def test_a_certain_prediction_and_half_precision_stay_finite() -> None:
    logits = torch.tensor([1e4, -1e4]).reshape(1, 2, 1, 1).expand(1, 2, 4, 4)
    refined = MeanField()(logits.softmax(1).bfloat16(), photo(1, 1, 4, 4))
    assert refined.dtype == torch.float32
    assert (refined[:, 0] > 0.999).all()


def test_wrong_settings_and_shapes_are_refused() -> None:
    for name in ("sigma_space", "sigma_intensity", "bilateral_weight", "smoothness_sigma", "smoothness_weight"):
        with pytest.raises(ValueError, match=f"{name} must be a finite number above 0, found 0"):
            MeanField(**{name: 0})
    with pytest.raises(ValueError, match="iterations must be a finite number above 0, found 0"):
        MeanField(iterations=0)
    with pytest.raises(ValueError, match="image does not fit"):
        MeanField()(torch.full((1, 2, 4, 4), 0.5), torch.zeros(1, 1, 3, 4))
    with pytest.raises(ValueError, match="domain does not fit"):
        MeanField()(torch.full((1, 2, 4, 4), 0.5), torch.zeros(1, 1, 4, 4), torch.ones(1, 4, 3, dtype=torch.bool))
