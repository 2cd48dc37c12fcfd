import pytest
import torch
from torch import nn

from medsize.networks import (
    BackboneUNet,
    DeepLabLargeFOV,
    DeepLabV2,
    DeepLabV3Plus,
    Segmenter,
    UNet,
    guess_shares,
    resnet18,
    vit_small,
)

NETWORKS = {
    "DeepLabV3+": lambda: DeepLabV3Plus(in_channels=1, classes=3),
    "UNet over MobileNetV2": lambda: BackboneUNet(in_channels=1, classes=3, decoder_channels=(16, 8, 8, 8)),
    "DeepLabV3+ over ResNet": lambda: DeepLabV3Plus(in_channels=1, classes=3, backbone=resnet18),
    "DeepLabV2": lambda: DeepLabV2(in_channels=1, classes=3, backbone=resnet18),
    "LargeFOV": lambda: DeepLabLargeFOV(in_channels=1, classes=3),
    "Segmenter": lambda: Segmenter(in_channels=1, classes=3, backbone=vit_small, image_size=32),
    "MONAI's UNet": lambda: UNet(in_channels=1, classes=3, channels=(8, 16), strides=(2,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_logits_of_every_network_move_to_the_shares(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        guess_shares(network, [1.0, 1.0, 1.0])
        before = network(image)
        guess_shares(network, [0.9, 0.08, 0.02])
        moved = network(image) - before
    torch.testing.assert_close(moved, torch.tensor([0.9, 0.08, 0.02]).log().reshape(1, 3, 1, 1).expand_as(moved))


def test_a_network_that_does_not_fit_or_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="ends in a convolution to 2 classes with a bias"):
        guess_shares(nn.Conv2d(1, 3, 1), [0.5, 0.5])
    with pytest.raises(ValueError, match="ends in a convolution to 2 classes with a bias"):
        guess_shares(nn.Conv2d(1, 2, 1, bias=False), [0.5, 0.5])
    with pytest.raises(ValueError, match="ends in a convolution"):
        guess_shares(nn.Identity(), [0.5, 0.5])
    with pytest.raises(ValueError, match=r"shares must be positive numbers, found \[1.0, 0.0\]"):
        guess_shares(nn.Conv2d(1, 2, 1), [1.0, 0.0])
