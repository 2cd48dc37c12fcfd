"""What every network over a backbone keeps, whichever it is."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from medsize import networks
from medsize.networks import BackboneUNet, DeepLabLargeFOV, DeepLabV2, DeepLabV3Plus, EncoderNetwork, Segmenter
from medsize.networks.vit import VisionTransformer


def tiny_vit(*, in_channels: int, image_size: int) -> VisionTransformer:
    return VisionTransformer(
        width=24, heads=3, depth=2, in_channels=in_channels, image_size=image_size, stock_weights="none"
    )


NETWORKS: dict[str, Callable[..., EncoderNetwork]] = {
    "resnet18_deeplabv3plus": partial(DeepLabV3Plus, backbone=networks.resnet18),
    "resnext50_deeplabv3plus": partial(DeepLabV3Plus, backbone=networks.resnext50),
    "vgg16_deeplabv3plus": partial(DeepLabV3Plus, backbone=networks.VGG16),
    "resnet18_deeplabv2": partial(DeepLabV2, backbone=networks.resnet18),
    "largefov": DeepLabLargeFOV,
    "segmenter": partial(Segmenter, backbone=tiny_vit, image_size=48),
    "resnext50_unet": partial(BackboneUNet, backbone=networks.resnext50, decoder_channels=(16, 8, 8, 8)),
}
LIGHT = ("resnet18_deeplabv3plus", "resnet18_deeplabv2", "segmenter")


def network(name: str, **settings: object) -> EncoderNetwork:
    torch.manual_seed(0)
    return NETWORKS[name](**{"in_channels": 3, "classes": 4} | settings)


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_have_the_size_of_odd_images_and_repeat_themselves(name: str) -> None:
    net = network(name).eval()
    for size in ((1, 1), (33, 50)):
        image = torch.rand(1, 3, *size)
        with torch.no_grad():
            logits = net(image)
            assert logits.shape == (1, 4, *size)
            assert logits.isfinite().all()
            assert torch.equal(net(image), logits)


@pytest.mark.parametrize("name", ["wideresnet38", "resnet34", "resnet50", "resnet101", "mobilenetv2"])
def test_the_large_networks_have_logits_of_the_images_size(name: str) -> None:
    from tests.networks.test_published_names import BACKBONES

    with torch.device("meta"):
        net = DeepLabV3Plus(
            in_channels=1, classes=21, backbone=(BACKBONES | {"mobilenetv2": networks.MobileNetV2})[name]
        )
        assert net(torch.rand(2, 1, 321, 97)).shape == (2, 21, 321, 97)


@pytest.mark.parametrize("name", NETWORKS)
def test_one_grey_image_trains_every_parameter(name: str) -> None:
    net = network(name, in_channels=1)
    torch.manual_seed(1)
    logits = net(torch.rand(1, 1, 40, 48))
    (logits * torch.randn_like(logits)).sum().backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        if parameter.ndim > 1:
            assert parameter.grad.any(), key


@pytest.mark.parametrize("name", LIGHT)
def test_summed_and_replicated_kernels_are_the_colour_network_on_a_grey_image(name: str) -> None:
    colour = network(name).eval()
    grey = torch.rand(2, 1, 40, 56)
    with torch.no_grad():
        expected = colour(grey.expand(-1, 3, -1, -1))
        for one_channel in ("sum", "replicate"):
            net = network(name, in_channels=1, one_channel=one_channel).eval()
            rest = {key: value for key, value in colour.state_dict().items() if not key.startswith("encoder.")}
            net.load_state_dict(rest | {f"encoder.{k}": v for k, v in net.encoder.fit(of(colour.encoder)).items()})
            torch.testing.assert_close(net(grey), expected, atol=1e-3, rtol=1e-3)


def of(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.state_dict())


@pytest.mark.parametrize("name", LIGHT)
def test_channels_last_and_bfloat16_give_nearly_the_plain_logits_in_float32(name: str) -> None:
    net = network(name).eval()
    image = torch.rand(2, 3, 40, 56)
    with torch.no_grad():
        plain = net(image)
        net = net.to(memory_format=torch.channels_last)
        torch.testing.assert_close(
            net(image.contiguous(memory_format=torch.channels_last)), plain, atol=1e-3, rtol=1e-3
        )
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(image)
    assert logits.dtype is torch.float32
    assert (logits - plain).abs().max() < 0.05 * plain.std() + 0.05


@pytest.mark.parametrize("setting", ["frozen_batch_norm", None])
def test_a_frozen_batch_normalisation_keeps_statistics_and_parameters_while_kernels_learn(setting: str | None) -> None:
    net = network("resnet18_deeplabv2", **({setting: True} if setting else {})).eval().train()
    before = {key: value.clone() for key, value in net.encoder.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    net(torch.rand(2, 3, 40, 40)).square().mean().backward()
    optimiser.step()
    changed = {key for key, value in net.encoder.state_dict().items() if not torch.equal(value, before[key])}
    assert "conv1.weight" in changed
    norms = {"bn1.weight", "bn1.running_mean", "layer4.1.bn2.bias", "layer2.0.downsample.1.running_var"}
    assert norms & changed == (set() if setting else norms)


def test_a_network_must_say_how_it_decodes() -> None:
    with pytest.raises(NotImplementedError):
        EncoderNetwork(networks.resnet18, in_channels=3)(torch.rand(1, 3, 64, 64))


def test_deeplabv2_sums_four_dilated_classifiers_at_stride_8() -> None:
    net = network("resnet18_deeplabv2").eval()
    assert [c.dilation[0] for c in net.classifiers] == [6, 12, 18, 24]
    feature = torch.randn(1, 512, 9, 11)
    with torch.no_grad():
        parts = [
            torch.nn.functional.conv2d(feature, c.weight, c.bias, padding=rate, dilation=rate)
            for c, rate in zip(net.classifiers, (6, 12, 18, 24), strict=True)
        ]
        torch.testing.assert_close(net.decode((feature,)), torch.stack(parts).sum(0))
    assert net.encoder.output_stride == 8


def test_largefov_sees_321_pixels_as_41_positions_and_fc6_is_dilated_by_12() -> None:
    with torch.device("meta"):
        net = DeepLabLargeFOV(in_channels=3, classes=21)
        assert net.encoder(torch.rand(1, 3, 321, 321))[-1].shape == (1, 512, 41, 41)
    assert (net.fc6.weight.shape, net.fc6.dilation) == ((1024, 512, 3, 3), (12, 12))
    assert net.fc7.weight.shape == (1024, 1024, 1, 1)


def test_segmenter_gives_every_patch_one_linear_layer() -> None:
    net = network("segmenter").eval()
    seen = []
    net.classifier.register_forward_hook(lambda _, inputs, out: seen.append((inputs[0], out)))
    with torch.no_grad():
        net(torch.rand(1, 3, 48, 32))
    ((tokens, coarse),) = seen
    assert coarse.shape == (1, 4, 3, 2)
    linear = torch.einsum("bchw,kc->bkhw", tokens, net.classifier.weight[:, :, 0, 0])
    torch.testing.assert_close(coarse, linear + net.classifier.bias.reshape(1, -1, 1, 1), atol=1e-5, rtol=1e-5)
