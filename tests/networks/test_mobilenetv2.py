import math

import pytest
import torch
from torch import Tensor

from medsize.networks import MobileNetV2
from tests.networks import published


def encoder_of_checkpoint(output_stride: int = 32) -> MobileNetV2:
    encoder = MobileNetV2(output_stride=output_stride)
    encoder.load_state_dict(published.checkpoint(), strict=False)
    return encoder.eval().double()


def shapes_of(encoder: MobileNetV2) -> dict[str, tuple[int, ...]]:
    state = encoder.state_dict()
    return {name: tuple(t.shape) for name, t in state.items() if not name.endswith("num_batches_tracked")}


def test_the_oracle_has_the_published_parameter_counts_and_shapes() -> None:
    shapes = published.shapes()
    parameters = {n: math.prod(s) for n, s in shapes.items() if not n.endswith(("running_mean", "running_var"))}
    assert sum(v for n, v in parameters.items() if n.startswith("features.")) == 2_223_872
    assert sum(parameters.values()) == 3_504_872
    assert len(shapes) == 262
    assert shapes["features.1.conv.0.0.weight"] == (32, 1, 3, 3)
    assert shapes["features.1.conv.1.weight"] == (16, 32, 1, 1)
    assert shapes["features.2.conv.0.0.weight"] == (96, 16, 1, 1)
    assert shapes["features.14.conv.1.1.running_var"] == (576,)
    assert shapes["features.17.conv.2.weight"] == (320, 960, 1, 1)


@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_names_and_shapes_are_torchvisions_without_the_classification_head(output_stride: int) -> None:
    expected = {
        name: shape
        for name, shape in published.shapes().items()
        if not name.startswith(("features.18.", "classifier."))
    }
    assert shapes_of(MobileNetV2(output_stride=output_stride)) == expected


def test_a_published_state_dict_gives_the_published_activations() -> None:
    image = torch.randn(1, 3, 70, 97, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        maps = encoder_of_checkpoint()(image)
    outputs = published.forward({name: tensor.double() for name, tensor in published.checkpoint().items()}, image)
    for ours, index in zip(maps, (1, 3, 6, 13, 17), strict=True):
        assert outputs[index].abs().max() > 0.1
        torch.testing.assert_close(ours, outputs[index], atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("output_stride", [32, 16, 8])
@pytest.mark.parametrize("size", [(64, 96), (33, 57)])
def test_maps_have_the_promised_channels_and_strides(output_stride: int, size: tuple[int, int]) -> None:
    encoder = MobileNetV2(in_channels=2, output_stride=output_stride).eval()
    with torch.no_grad():
        maps = encoder(torch.rand(1, 2, *size))
    assert encoder.strides == tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))
    for feature, channels, stride in zip(maps, (16, 24, 32, 96, 320), encoder.strides, strict=True):
        assert feature.shape == (1, channels, math.ceil(size[0] / stride), math.ceil(size[1] / stride))


@pytest.mark.parametrize("output_stride", [16, 8])
def test_a_dilated_encoder_computes_the_undilated_maps_between_more_positions(output_stride: int) -> None:
    image = torch.randn(1, 3, 128, 96, generator=torch.Generator().manual_seed(2)).double()
    with torch.no_grad():
        coarse = encoder_of_checkpoint(32)(image)
        fine = encoder_of_checkpoint(output_stride)(image)
    for whole, dilated in zip(coarse, fine, strict=True):
        step = dilated.shape[-1] // whole.shape[-1]
        torch.testing.assert_close(dilated[..., ::step, ::step], whole, atol=1e-10, rtol=1e-10)
    assert fine[-1].shape[-1] == 96 // output_stride


def test_convolutions_start_with_the_variance_of_kaiming_fan_out() -> None:
    torch.manual_seed(0)
    weight: Tensor = MobileNetV2().state_dict()["features.17.conv.0.0.weight"]  # (960, 160, 1, 1)
    assert weight.std().item() == pytest.approx((2 / 960) ** 0.5, rel=0.02)


def test_an_impossible_output_stride_is_refused() -> None:
    with pytest.raises(ValueError, match=r"output_stride: expected one of .*8, 16, 32.*, found 4"):
        MobileNetV2(output_stride=4)
