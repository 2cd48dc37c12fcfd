"""The network that a configuration names is built as it says."""

from typing import Any, get_args

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from medsize.config.loading import load_config
from medsize.config.network import NetworkConfig
from medsize.errors import InputError
from medsize.evaluation.report.words import network_words
from medsize.networks import BackboneUNet, DeepLabLargeFOV, DeepLabV2, DeepLabV3Plus, Segmenter, UNet


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


@pytest.mark.parametrize(
    ("name", "kind", "deepest"),
    [
        ("resnet18_deeplabv3plus", DeepLabV3Plus, 512),
        ("resnet34_deeplabv3plus", DeepLabV3Plus, 512),
        ("resnet50_deeplabv3plus", DeepLabV3Plus, 2048),
        ("resnet101_deeplabv3plus", DeepLabV3Plus, 2048),
        ("resnext50_deeplabv3plus", DeepLabV3Plus, 2048),
        ("wideresnet38_deeplabv3plus", DeepLabV3Plus, 4096),
        ("vgg16_deeplabv3plus", DeepLabV3Plus, 512),
        ("resnet101_deeplabv2", DeepLabV2, 2048),
        ("vgg16_largefov", DeepLabLargeFOV, 512),
        ("vit_s16_segmenter", Segmenter, 384),
        ("vit_b16_segmenter", Segmenter, 768),
        ("resnext50_unet", BackboneUNet, 2048),
    ],
)
def test_every_name_of_a_network_for_photos_builds_it(name: str, kind: type, deepest: int):
    statistics = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    with torch.device("meta"):
        network = configured(name=name, **statistics).build(in_channels=3, classes=21)
        assert network(torch.rand(1, 3, 65, 64)).shape == (1, 21, 65, 64)
    assert isinstance(network, kind)
    assert network.encoder.channels[-1] == deepest
    assert network.normalise.mean.shape == (1, 3, 1, 1)


def test_every_network_has_words_of_its_own_in_reports():
    run = load_config("acdc")
    models = get_args(get_args(NetworkConfig)[0])
    names = [name for model in models for name in get_args(model.model_fields["name"].annotation)]
    words = {network_words(run.model_copy(update={"network": configured(name=name)})) for name in names}
    assert len(words) == len(names) == 15


def test_three_statistics_need_three_channels():
    config = configured(name="resnet18_deeplabv3plus", mean=[0.5, 0.4, 0.3])
    with pytest.raises(InputError, match=r"(?s)network.mean does not fit.*one number.*\[0.5, 0.4, 0.3\].*replicate"):
        config.build(in_channels=1, classes=2)
    with torch.device("meta"):
        replicated = configured(name="resnet18_deeplabv3plus", mean=[0.5, 0.4, 0.3], one_channel="replicate")
        assert replicated.build(in_channels=1, classes=2).encoder.in_channels == 3
    with pytest.raises(InputError, match=r"network.std"):
        configured(name="unet", std=[0.5, 0.4, 0.3]).build(in_channels=1, classes=2)


@pytest.mark.parametrize("settings", [{"std": 0}, {"std": [0.1, 0, 0.1]}, {"mean": [0.1, 0.2]}])
def test_statistics_that_make_no_sense_are_refused(settings: dict[str, Any]):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        configured(name="unet", **settings)


def test_batch_normalisation_can_be_frozen_and_the_size_of_a_transformer_set():
    with torch.device("meta"):
        network = configured(name="resnet101_deeplabv2", frozen_batch_norm=True).build(in_channels=3, classes=2)
        assert not network.encoder.bn1.weight.requires_grad
        assert network.encoder.conv1.weight.requires_grad
        network = configured(name="vit_s16_segmenter", image_size=320).build(in_channels=3, classes=2)
        assert network.encoder.pos_embed.shape == (1, 401, 384)


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
