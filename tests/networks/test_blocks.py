import pytest
import torch
from torch import nn
from torch.nn import functional as F

from medsize.networks.blocks import concat_resized, conv_bn_relu, full_resolution, resize


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (3, 6)])
def test_the_block_keeps_the_size_and_starts_with_kaiming_variance(kernel: int, dilation: int) -> None:
    torch.manual_seed(0)
    block = conv_bn_relu(64, 128, kernel=kernel, dilation=dilation)
    out = block(torch.randn(2, 64, 9, 7))
    assert out.shape == (2, 128, 9, 7)
    assert out.min() == 0
    conv = block[0]
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is None
    assert conv.weight.std().item() == pytest.approx((2 / (128 * kernel**2)) ** 0.5, rel=0.05)


def test_resizing_a_ramp_by_two_interpolates_between_pixel_centres() -> None:
    ramp = torch.tensor([[[[0.0, 4.0]]]])
    assert resize(ramp, torch.Size((1, 4))).flatten().tolist() == [0, 1, 3, 4]


def test_concatenation_puts_the_coarse_map_first_and_has_the_plain_gradient() -> None:
    coarse = torch.randn(2, 3, 4, 5, requires_grad=True)
    fine = torch.randn(2, 2, 8, 10, requires_grad=True)
    out = concat_resized(coarse, fine)
    plain = torch.cat([F.interpolate(coarse, scale_factor=2, mode="bilinear"), fine], dim=1)
    assert torch.equal(out, plain)
    weights = torch.randn_like(out)
    found = torch.autograd.grad((out * weights).sum(), (coarse, fine))
    expected = torch.autograd.grad((plain * weights).sum(), (coarse, fine))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_logits_are_resized_in_at_least_float32(given: torch.dtype, expected: torch.dtype) -> None:
    assert full_resolution(torch.rand(1, 2, 4, 4).to(given), torch.Size((16, 16))).dtype is expected
