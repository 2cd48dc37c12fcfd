import pytest
import torch
from torch.nn import functional as F

from medsize.networks import DeepLabV3Plus, load_encoder_weights
from tests.networks import published


def network(**settings: object) -> DeepLabV3Plus:
    torch.manual_seed(0)
    return DeepLabV3Plus(**{"in_channels": 1, "classes": 2} | settings)


@pytest.mark.parametrize("output_stride", [16, 8])
def test_the_deepest_map_has_the_output_stride_and_the_rates_double_with_its_inverse(output_stride: int) -> None:
    net = network(output_stride=output_stride).eval()
    shapes = []
    net.aspp.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    net.decoder.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    with torch.no_grad():
        net(torch.rand(1, 1, 64, 96))
    assert shapes == [(1, 320, 64 // output_stride, 96 // output_stride), (1, 256 + 48, 16, 24)]
    rates = [branch[0].dilation[0] for branch in net.aspp.branches]
    assert rates == ([1, 6, 12, 18] if output_stride == 16 else [1, 12, 24, 36])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (15, 33), (33, 57), (64, 64), (65, 31)])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_logits_have_the_size_of_any_image(size: tuple[int, int], in_channels: int) -> None:
    net = network(in_channels=in_channels, classes=4).eval()
    with torch.no_grad():
        logits = net(torch.rand(2, in_channels, *size))
    assert logits.shape == (2, 4, *size)
    assert logits.isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (48, 40)])
@pytest.mark.parametrize("output_stride", [16, 8])
def test_a_batch_of_one_trains_and_every_parameter_gets_a_gradient(size: tuple[int, int], output_stride: int) -> None:
    net = network(output_stride=output_stride)
    net(torch.rand(1, 1, *size)).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # a bias before a batch normalisation rightly has none, and a constant image leaves little to learn
        if parameter.ndim == 4 and size != (1, 1):
            assert parameter.grad.any(), name


def test_an_image_that_fits_is_resized_once_from_the_classifier() -> None:
    net = network().eval()
    image = torch.rand(1, 1, 64, 64)
    coarse = []
    net.classifier.register_forward_hook(lambda *hook: coarse.append(hook[2]))
    with torch.no_grad():
        logits = net(image)
    assert coarse[0].shape == (1, 2, 16, 16)
    torch.testing.assert_close(logits, F.interpolate(coarse[0], size=(64, 64), mode="bilinear"))


def test_channels_last_gives_the_logits_of_the_contiguous_network() -> None:
    net = network().eval()
    image = torch.rand(2, 1, 50, 70)
    with torch.no_grad():
        plain = net(image)
        last = net.to(memory_format=torch.channels_last)(image.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain, atol=1e-4, rtol=1e-4)


def test_bfloat16_autocast_trains_to_float32_logits_near_the_plain_ones() -> None:
    net = network().eval().to(memory_format=torch.channels_last)
    image = torch.rand(2, 1, 64, 64)
    plain = net(image).detach()
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(image)
    assert logits.dtype is torch.float32
    assert (logits - plain).abs().max() < 0.05 * plain.std() + 0.05
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.dtype is torch.float32 for p in net.parameters())


def test_summed_and_replicated_kernels_are_the_three_channel_network_on_a_grey_image(tmp_path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(published.checkpoint(), path)
    nets = [
        network(in_channels=3, mean=0.4, std=0.3).eval(),
        network(one_channel="sum", mean=0.4, std=0.3).eval(),
        network(one_channel="replicate", mean=0.4, std=0.3).eval(),
    ]
    rest = {name: value for name, value in nets[0].state_dict().items() if not name.startswith("encoder.")}
    for net in nets:
        net.load_state_dict(rest, strict=False)
        load_encoder_weights(net.encoder, path)
    grey = torch.rand(2, 1, 40, 56)
    with torch.no_grad():
        colour, summed, replicated = nets[0](grey.expand(-1, 3, -1, -1)), nets[1](grey), nets[2](grey)
    torch.testing.assert_close(summed, colour, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(replicated, colour, atol=1e-6, rtol=1e-6)


def test_the_encoder_sees_the_standardised_image() -> None:
    net = network(in_channels=3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)).eval()
    seen = []
    net.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.rand(1, 3, 32, 32)
    net(image)
    expected = [(image[:, c] - m) / s for c, (m, s) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)])]
    torch.testing.assert_close(seen[0], torch.stack(expected, dim=1))


def test_an_impossible_output_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="output_stride: expected one of 16, 8, found 32"):
        network(output_stride=32)


def test_a_wrong_image_is_named() -> None:
    with pytest.raises(ValueError, match=r"image: expected a non-empty \(B, 1, H, W\), found \(1, 2, 8, 8\)"):
        network()(torch.rand(1, 2, 8, 8))
