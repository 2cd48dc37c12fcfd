"""The network that a configuration names is built as it says."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from medsize.config.network import NetworkConfig
from medsize.networks import DeepLabV3Plus, BackboneUNet, UNet


def configured(**settings: Any) -> NetworkConfig:
    return TypeAdapter(NetworkConfig).validate_python(settings)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"name": "mobilenetv2_deeplabv3plus"}, DeepLabV3Plus),
        ({"name": "mobilenetv2_unet"}, BackboneUNet),
        ({"name": "unet", "channels": [4, 8, 8]}, UNet),
    ],
)
def test_every_name_builds_its_network_for_any_number_of_classes(settings: dict[str, Any], kind: type):
    network = configured(**settings, mean=0.4, std=0.2).build(in_channels=1, classes=3).eval()
    assert isinstance(network, kind)
    with torch.no_grad():
        assert network(torch.rand(1, 1, 33, 40)).shape == (1, 3, 33, 40)
    assert [float(value.squeeze()) for value in (network.normalise.mean, network.normalise.std)] == pytest.approx(
        [0.4, 0.2]
    )


def test_settings_of_the_encoder_reach_it():
    network = configured(name="mobilenetv2_deeplabv3plus", output_stride=8, one_channel="replicate")
    encoder = network.build(in_channels=1, classes=2).encoder
    assert (encoder.output_stride, encoder.in_channels) == (8, 3)


def test_a_frozen_encoder_is_not_trained_and_the_decoder_has_the_levels_asked_for():
    settings = configured(name="mobilenetv2_unet", frozen_encoder=True, decoder_channels=[16, 8])
    network = settings.build(in_channels=1, classes=2)
    assert not any(parameter.requires_grad for parameter in network.encoder.parameters())
    assert len(network.decoder) == 2


@pytest.mark.parametrize("levels", [[], [8] * 6, [0]])
def test_a_decoder_that_the_network_cannot_have_is_refused(levels: list[int]):
    with pytest.raises(ValidationError, match="decoder_channels"):
        configured(name="mobilenetv2_unet", decoder_channels=levels)
