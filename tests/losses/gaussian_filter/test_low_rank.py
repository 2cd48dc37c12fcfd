import numpy as np
import pytest
import torch
from torch import Tensor

from medsize.losses import Features
from medsize.losses.gaussian_filter import low_rank
from medsize.losses.gaussian_filter.exact import exact_filter
from medsize.losses.gaussian_filter.low_rank import (
    eigenvectors,
    from_cells,
    landmarks,
    low_rank_filter,
    to_cells,
)
from tests.losses.gaussian_filter.photo import photo, soft_masks


def energy(values: Tensor, filtered: Tensor) -> Tensor:
    """``Σ_k (1 − S^k)ᵀ W S^k`` of each image."""
    return (filtered.sum(1, keepdim=True) * values - values * filtered).flatten(1).sum(1)


def cosine(a: Tensor, b: Tensor) -> float:
    """Of gradients, without what a soft-max lets no part of it through: the mean over the classes."""
    flat = [(x - x.mean(1, keepdim=True)).flatten().double() for x in (a, b)]
    return float(torch.cosine_similarity(*flat, dim=0))


@pytest.mark.parametrize(
    ("spatial", "channels", "sigma_space"),
    [((900,), 1, 60.0), ((48, 40), 1, 15.0), ((48, 40), 3, 15.0), ((16, 20, 12), 1, 6.0), ((48, 40), 3, 4.0)],
)
def test_energy_and_gradient_are_almost_exact(spatial: tuple[int, ...], channels: int, sigma_space: float) -> None:
    image, values = photo(2, channels, *spatial), soft_masks(2, 4, *spatial)
    features = Features.of_image(image, sigma_space=sigma_space, sigma_intensity=15 / 255)
    exact, found = exact_filter(features, values), low_rank_filter(features, values)
    torch.testing.assert_close(energy(values, found), energy(values, exact), rtol=0.03, atol=0)
    assert cosine(found, exact) > 0.995


def test_a_smaller_tolerance_is_nearer_to_exact() -> None:
    image, values = photo(1, 3, 48, 40), soft_masks(1, 2, 48, 40)
    features = Features.of_image(image, sigma_space=15.0, sigma_intensity=15 / 255)
    exact = energy(values, exact_filter(features, values))
    errors = [
        float((energy(values, low_rank_filter(features, values, t)) / exact - 1).abs()) for t in (0.3, 0.03, 0.003)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.005


def test_place_alone_is_almost_exact_to_a_thousandth() -> None:
    features = Features.of_image(torch.zeros(1, 1, 40, 36), sigma_space=3.0, sigma_intensity=None)
    values = soft_masks(1, 2, 40, 36)
    torch.testing.assert_close(low_rank_filter(features, values), exact_filter(features, values), rtol=0.01, atol=0.01)


@pytest.mark.parametrize("spatial", [(50,), (13, 11), (5, 7, 6)])
def test_the_matrix_is_symmetric_and_positive(spatial: tuple[int, ...]) -> None:
    features = Features.of_image(photo(1, 2, *spatial), sigma_space=12.0, sigma_intensity=0.2)
    pixels = features.intensity[0, 0].numel()
    features = Features(features.intensity.double(), features.steps)
    W = low_rank_filter(features, torch.eye(pixels, dtype=torch.float64).reshape(1, pixels, *spatial))[0].flatten(1)
    torch.testing.assert_close(W, W.T)
    assert torch.linalg.eigvalsh(W).min() > -1e-9


@pytest.mark.parametrize("spatial", [(50,), (13, 11), (20, 18)])
@pytest.mark.parametrize("sigma_space", [2.0, 30.0])
def test_the_values_are_left_as_they_are(spatial: tuple[int, ...], sigma_space: float) -> None:
    values = soft_masks(1, 2, *spatial)
    before = values.clone()
    low_rank_filter(Features.of_image(photo(1, 1, *spatial), sigma_space=sigma_space, sigma_intensity=0.2), values)
    assert torch.equal(values, before)


def test_slabs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # In float64: M⁻¹ multiplies the rounding of sums taken in another order, in float32 by more on some CPUs.
    features = Features.of_image(photo(2, 3, 40, 36).double(), sigma_space=15.0, sigma_intensity=15 / 255)
    values = soft_masks(2, 3, 40, 36).double()
    whole = low_rank_filter(features, values)
    monkeypatch.setattr(low_rank, "_BLOCK", 1)
    torch.testing.assert_close(low_rank_filter(features, values), whole, rtol=1e-9, atol=0)


def test_an_image_of_one_colour_has_one_landmark() -> None:
    assert len(landmarks(torch.full((100, 3), 2.0), 0.03)) == 1
    features = Features.of_image(torch.full((1, 3, 50, 50), 0.5), sigma_space=10.0, sigma_intensity=0.1)
    values = soft_masks(1, 2, 50, 50)
    torch.testing.assert_close(low_rank_filter(features, values), exact_filter(features, values), rtol=0.02, atol=0.1)


def test_landmarks_leave_no_more_missing_than_the_tolerance() -> None:
    colours = photo(1, 3, 40, 40).flatten(2)[0].T.double() / 0.06
    for tolerance in (0.3, 0.1):
        points = landmarks(colours, tolerance)
        C = torch.exp(torch.cdist(colours, points).square() / -2)
        M = torch.exp(torch.cdist(points, points).square() / -2)
        missing = 1 - (C @ torch.linalg.inv(M) * C).sum(1)
        # The tolerance is about bins; a pixel differs from the mean of its bin.
        assert missing.mean() < tolerance + 0.1


def test_landmarks_do_not_depend_on_a_grid_too_fine_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    colours = photo(1, 3, 20, 20).flatten(2)[0].T / 0.06
    counted = landmarks(colours, 0.1)
    monkeypatch.setattr(low_rank, "_MOST_CODES", 1)
    torch.testing.assert_close(landmarks(colours, 0.1), counted)


def test_many_colours_are_gathered_in_wider_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    colours = photo(1, 3, 40, 40).flatten(2)[0].T / 0.03
    monkeypatch.setattr(low_rank, "_MANY_BINS", 10)
    coarse = landmarks(colours, 1e-9)
    monkeypatch.setattr(low_rank, "_MANY_BINS", 10**6)
    assert len(coarse) < len(landmarks(colours, 1e-9))


@pytest.mark.parametrize(("size", "step"), [(1, 0.5), (30, 0.05), (40, 1.0), (25, 100.0)])
def test_eigenvectors_give_the_gaussian_back(size: int, step: float) -> None:
    place = np.arange(size) * step
    basis = eigenvectors(size, step).numpy()
    np.testing.assert_allclose(basis @ basis.T, np.exp(-((place[:, None] - place) ** 2) / 2), atol=1.1e-3)


def test_far_fewer_eigenvectors_than_pixels_are_needed_where_sigma_is_wide() -> None:
    assert eigenvectors(256, 1 / 50).shape[1] <= 12


@pytest.mark.parametrize(
    ("spatial", "cell"), [((7,), (3,)), ((6, 4), (3, 2)), ((5, 7), (2, 3)), ((3, 5, 4), (2, 2, 3))]
)
def test_cells_hold_neighbours_and_can_be_undone(spatial: tuple[int, ...], cell: tuple[int, ...]) -> None:
    image = torch.arange(2 * int(np.prod(spatial)), dtype=torch.float64).reshape(2, *spatial) + 1
    cells = to_cells(image, cell)
    corner = image[(slice(None), *(slice(side) for side in cell))]
    torch.testing.assert_close(cells[0], corner.flatten(1))
    assert cells.sum() == image.sum()
    torch.testing.assert_close(from_cells(cells, cell, spatial), image)


def test_an_image_that_is_not_finite_is_refused() -> None:
    image = torch.full((1, 1, 60, 60), torch.nan)
    with pytest.raises(ValueError, match="the image of a dense CRF must be finite, found NaN or infinity"):
        low_rank_filter(Features.of_image(image, sigma_space=5.0, sigma_intensity=1.0), torch.ones(1, 2, 60, 60))
