import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from medsize.data.intensities import add_noise, blur, to_power


def images(count: int = 3, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 24, 20, generator=torch.Generator().manual_seed(0))


def inside(*, padded: bool) -> torch.Tensor:
    found = torch.ones(3, 1, 24, 20)
    if padded:
        found[:, :, 15:] = 0
    return found


@given(exponent=st.floats(0.2, 5))
def test_gamma_is_a_power_of_each_image(exponent: float) -> None:
    exponents = torch.tensor([1.0, exponent, 1 / exponent])
    expected = images().double().numpy() ** exponents.double().numpy()[:, None, None, None]
    np.testing.assert_allclose(to_power(images(), exponents), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_blur_is_a_gaussian_of_each_image(channels: int) -> None:
    deviations = torch.tensor([0.0, 0.8, 1.5])
    found = blur(images(channels=channels), inside(padded=False), deviations).numpy()
    for image, (given_, sigma) in enumerate(zip(images(channels=channels).numpy(), deviations.tolist(), strict=True)):
        expected = ndimage.gaussian_filter(given_.astype(np.float64), (0, sigma, sigma), truncate=6)
        reach = 5  # where the edge plays no part
        np.testing.assert_allclose(
            found[image][:, reach:-reach, reach:-reach], expected[:, reach:-reach, reach:-reach], atol=5e-3
        )
        if sigma == 0:
            np.testing.assert_allclose(found[image], given_, atol=1e-6)


def test_padding_does_not_bleed_into_a_blurred_image() -> None:
    omega = inside(padded=True)
    found = blur(0.7 * omega, omega, torch.tensor([0.5, 1.0, 3.0]))
    torch.testing.assert_close(found, 0.7 * omega)


def test_noise_has_the_deviation_of_each_image_and_leaves_the_padding() -> None:
    grey, deviations = torch.full((3, 1, 200, 200), 0.5), torch.tensor([0.0, 0.05, 0.1])
    omega = torch.ones_like(grey)
    omega[:, :, 100:] = 0
    found = add_noise(grey * omega, omega, deviations, seed=4)
    assert (found[:, :, 100:] == 0).all()
    torch.testing.assert_close(found[:, :, :100].std((1, 2, 3)), deviations, atol=2e-3, rtol=0)
    torch.testing.assert_close(found[:, :, :100].mean((1, 2, 3)), torch.full((3,), 0.5), atol=2e-3, rtol=0)


def test_noise_follows_from_its_seed_and_stays_in_the_unit_interval() -> None:
    one, again, other = (add_noise(images(), inside(padded=False), torch.full((3,), 0.5), seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.min() == 0
    assert one.max() == 1
