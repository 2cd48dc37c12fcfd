import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from medsize.networks.depthwise import DepthwiseConv2d


def gradients(conv: nn.Module, feature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Output, and the gradients for feature and weight of a loss that treats every position differently."""
    feature = feature.detach().requires_grad_()
    out = conv(feature)
    steps = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).reshape(out.shape)
    of_feature, of_weight = torch.autograd.grad(out, (feature, *conv.parameters()), steps.to(out.dtype))
    return out.detach(), of_feature, of_weight


def pair(channels: int, stride: int, dilation: int, dtype: torch.dtype) -> tuple[DepthwiseConv2d, nn.Conv2d]:
    """Ours in a precision, and PyTorch's in float64 with the same weight."""
    ours = DepthwiseConv2d(channels, stride=stride, dilation=dilation).to(dtype)
    plain = nn.Conv2d(channels, channels, 3, stride, dilation, dilation, channels, bias=False).double()
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@settings(max_examples=40)
@given(
    height=st.integers(1, 11),
    width=st.integers(1, 11),
    geometry=st.sampled_from([(1, 1), (2, 1), (1, 2), (1, 4)]),
    channels_last=st.booleans(),
)
def test_value_and_gradients_are_those_of_the_plain_convolution(
    height: int, width: int, geometry: tuple[int, int], channels_last: bool
) -> None:
    ours, plain = pair(3, *geometry, torch.float64)
    feature = torch.randn(2, 3, height, width, dtype=torch.float64)
    if channels_last:
        feature = feature.contiguous(memory_format=torch.channels_last)
    for found, expected in zip(gradients(ours, feature), gradients(plain, feature), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("geometry", [(1, 1), (2, 1), (1, 2), (1, 4)])
@pytest.mark.parametrize("size", [(16, 16), (33, 40)])
def test_bfloat16_channels_last_gradients_are_right_where_pytorchs_own_are_not(
    geometry: tuple[int, int], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    ours, plain = pair(32, *geometry, torch.bfloat16)
    feature = torch.randn(2, 32, *size).bfloat16().contiguous(memory_format=torch.channels_last)
    for found, expected in zip(gradients(ours, feature), gradients(plain, feature.double()), strict=True):
        assert found.dtype is torch.bfloat16
        assert (found - expected).abs().max() < 0.02 * expected.abs().max()


@pytest.mark.parametrize("geometry", [(2, 1), (1, 2)])
def test_autocast_computes_in_bfloat16_and_leaves_float32_gradients(geometry: tuple[int, int]) -> None:
    ours, plain = pair(8, *geometry, torch.float32)
    feature = torch.randn(2, 8, 12, 12)
    with torch.autocast("cpu", torch.bfloat16):
        out, of_feature, of_weight = gradients(ours, feature)
    assert out.dtype is torch.bfloat16
    assert of_feature.dtype is of_weight.dtype is torch.float32
    expected = gradients(plain, feature.double())[2]
    assert (of_weight - expected).abs().max() < 0.03 * expected.abs().max()


def test_a_frozen_weight_still_lets_the_gradient_through() -> None:
    ours, plain = pair(4, 1, 2, torch.float64)
    ours.requires_grad_(False)
    feature = torch.randn(1, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(ours(feature).square().sum(), feature)
    (expected,) = torch.autograd.grad(plain(feature).square().sum(), feature)
    torch.testing.assert_close(found, expected)
