import pytest
import torch

from medsize.networks.normalise import Normalise


def test_one_statistic_serves_all_channels() -> None:
    image = torch.rand(2, 4, 3, 5)
    assert torch.allclose(Normalise(in_channels=4, mean=0.25, std=2.0)(image), (image - 0.25) / 2)


def test_statistics_per_channel() -> None:
    image = torch.rand(2, 2, 3, 5)
    out = Normalise(in_channels=2, mean=(0.1, 0.2), std=(0.5, 4.0))(image)
    assert torch.allclose(out[:, 0], (image[:, 0] - 0.1) / 0.5)
    assert torch.allclose(out[:, 1], (image[:, 1] - 0.2) / 4)


def test_a_replicated_grey_image_takes_the_statistics_of_three_channels() -> None:
    normalise = Normalise(in_channels=1, one_channel="replicate", mean=(0.1, 0.2, 0.3), std=1.0)
    image = torch.rand(2, 1, 3, 5)
    assert normalise.out_channels == 3
    assert torch.allclose(normalise(image), torch.cat([image - 0.1, image - 0.2, image - 0.3], dim=1))


def test_replication_concerns_one_channel_images_only() -> None:
    assert Normalise(in_channels=2, one_channel="replicate").out_channels == 2
    assert Normalise(in_channels=1, one_channel="sum").out_channels == 1


def test_the_statistics_are_no_part_of_the_state_dict_but_move_with_the_module() -> None:
    normalise = Normalise(in_channels=3)
    assert normalise.state_dict() == {}
    assert normalise.double()(torch.rand(1, 3, 2, 2, dtype=torch.float64)).dtype is torch.float64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"in_channels": 0}, "in_channels: expected at least 1, found 0"),
        ({"in_channels": 1, "one_channel": "mean"}, "one_channel: expected one of sum, replicate, found 'mean'"),
        ({"in_channels": 1, "mean": (0.1, 0.2, 0.3)}, r"mean: .*each of the 1 channels.*found \(0.1, 0.2, 0.3\)"),
        ({"in_channels": 3, "std": (0.1, 0.2)}, r"std: .*each of the 3 channels"),
        ({"in_channels": 3, "std": (0.1, 0.0, 0.1)}, "std: expected positive numbers"),
        ({"in_channels": 3, "std": float("nan")}, "std: expected positive numbers, found nan"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Normalise(**settings)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.rand(2, 8, 8), r"expected a non-empty \(B, 1, H, W\), found \(2, 8, 8\)"),
        (torch.rand(2, 3, 8, 8), r"expected a non-empty \(B, 1, H, W\), found \(2, 3, 8, 8\)"),
        (torch.rand(2, 1, 0, 8), r"expected a non-empty \(B, 1, H, W\), found \(2, 1, 0, 8\)"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), r"expected floating-point values in \[0, 1\], found torch.uint8"),
    ],
)
def test_an_image_that_does_not_fit_is_named(image: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Normalise(in_channels=1)(image)
