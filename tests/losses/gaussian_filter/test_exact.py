import math

import numpy as np
import pytest
import torch

from medsize.losses import Features
from medsize.losses.gaussian_filter import exact
from medsize.losses.gaussian_filter.exact import exact_filter
from tests.losses.gaussian_filter.photo import photo, soft_masks


def written_out(image: torch.Tensor, values: torch.Tensor, sigma_space: float, sigma_intensity: float) -> np.ndarray:
    """A loop over pairs."""
    colours, V = image.double().numpy(), values.double().numpy()
    filtered = np.zeros_like(V)
    for i in range(len(V)):
        for p in np.ndindex(V.shape[2:]):
            for q in np.ndindex(V.shape[2:]):
                place = sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) / sigma_space**2
                colour = (
                    (colours[(i, slice(None), *p)] - colours[(i, slice(None), *q)]) ** 2
                ).sum() / sigma_intensity**2
                filtered[(i, slice(None), *p)] += math.exp(-(place + colour) / 2) * V[(i, slice(None), *q)]
    return filtered


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("spatial", [(9,), (5, 4), (2, 3, 4)])
def test_equals_the_sum_over_all_pairs_in_any_dimension(channels: int, spatial: tuple[int, ...]) -> None:
    image, values = photo(2, channels, *spatial).double(), soft_masks(2, 3, *spatial).double()
    features = Features.of_image(image, sigma_space=2.0, sigma_intensity=0.3)
    expected = written_out(image, values, 2.0, 0.3)
    np.testing.assert_allclose(exact_filter(features, values), expected, rtol=1e-10)
    np.testing.assert_allclose(exact_filter(features, values.float()), expected, rtol=1e-5)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features = Features.of_image(photo(1, 3, 7, 6).double(), sigma_space=2.0, sigma_intensity=0.3)
    values = soft_masks(1, 2, 7, 6).double()
    whole = exact_filter(features, values)
    monkeypatch.setattr(exact, "_BLOCK", 100)
    torch.testing.assert_close(exact_filter(features, values), whole)


def test_pixels_that_are_like_no_other_keep_to_themselves() -> None:
    features = Features.of_image(torch.tensor([[[0.0, 1e6, -1e6]]]), sigma_space=1.0, sigma_intensity=1.0)
    values = torch.tensor([[[1.0, 2.0, 3.0]]])
    torch.testing.assert_close(exact_filter(features, values), values)
