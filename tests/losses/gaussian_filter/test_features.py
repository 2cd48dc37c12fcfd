import pytest
import torch

from medsize.losses import Features
from tests.losses.gaussian_filter.photo import photo


@pytest.mark.parametrize("spatial", [(5,), (4, 3), (3, 4, 2)])
def test_distances_of_points_are_those_of_place_and_colour(spatial: tuple[int, ...]) -> None:
    image = photo(2, 3, *spatial).double()
    spacing = (1.5, 0.5, 2.0)[: len(spatial)]
    points = Features.of_image(image, sigma_space=4.0, sigma_intensity=0.1, spacing=spacing).points
    index = torch.tensor([*torch.cartesian_prod(*map(torch.arange, spatial)).reshape(-1, len(spatial)).tolist()])
    place = index.double() * torch.tensor(spacing) / 4.0
    colour = image.flatten(2).transpose(1, 2) / 0.1
    expected = torch.cdist(
        torch.cat([place.expand(2, -1, -1), colour], 2), torch.cat([place.expand(2, -1, -1), colour], 2)
    )
    torch.testing.assert_close(torch.cdist(points, points), expected)


def test_without_a_sigma_of_intensity_only_place_counts() -> None:
    features = Features.of_image(photo(1, 3, 4, 4), sigma_space=2.0, sigma_intensity=None)
    assert features.intensity.shape == (1, 0, 4, 4)
    assert features.points.shape == (1, 16, 2)


def test_three_equal_channels_are_one_at_a_smaller_sigma() -> None:
    grey = photo(1, 1, 4, 4)
    three = Features.of_image(grey.expand(-1, 3, -1, -1), sigma_space=2.0, sigma_intensity=0.15).points
    one = Features.of_image(grey, sigma_space=2.0, sigma_intensity=0.15 / 3**0.5).points
    torch.testing.assert_close(torch.cdist(three, three), torch.cdist(one, one))


def test_whole_numbers_and_half_precisions_become_float32() -> None:
    for image in (torch.full((1, 3, 2, 2), 200, dtype=torch.uint8), torch.ones(1, 3, 2, 2, dtype=torch.bfloat16)):
        assert Features.of_image(image, sigma_space=1.0, sigma_intensity=15.0).intensity.dtype == torch.float32


def test_a_wrong_sigma_or_spacing_is_refused() -> None:
    image = photo(1, 1, 4, 4)
    with pytest.raises(ValueError, match="sigma_space must be a finite number above 0, found 0"):
        Features.of_image(image, sigma_space=0, sigma_intensity=1.0)
    with pytest.raises(ValueError, match="sigma_intensity must be a finite number above 0, found -1"):
        Features.of_image(image, sigma_space=1.0, sigma_intensity=-1.0)
    with pytest.raises(ValueError, match=r"spacing must have a number for each of 2 spatial axes, found \(1.0,\)"):
        Features.of_image(image, sigma_space=1.0, sigma_intensity=1.0, spacing=(1.0,))
    with pytest.raises(ValueError, match="spacing must be a finite number above 0, found 0"):
        Features.of_image(image, sigma_space=1.0, sigma_intensity=1.0, spacing=(1.0, 0.0))
