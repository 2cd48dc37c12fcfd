import pytest
import torch
from torch.nn import functional as F

from medsize.networks import VisionTransformer
from medsize.networks.vit import Attention, resize_positions
from tests.networks.published_backbones import vit_forward


def tiny(**settings: object) -> VisionTransformer:
    torch.manual_seed(0)
    arguments = {"width": 24, "heads": 3, "depth": 2, "image_size": 48, "stock_weights": "none"}
    network = VisionTransformer(**arguments | settings)
    for parameter in network.parameters():  # biases too: zeros would hide one that is not used
        torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


def test_it_computes_the_published_transformer_with_attention_written_out() -> None:
    network, image = tiny().double(), torch.rand(2, 3, 48, 48).double()
    with torch.no_grad():
        (found,) = network(image)
        expected = vit_forward(network.state_dict(), image, heads=3, depth=2)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-8)


def test_attention_is_a_plain_softmax_in_every_head() -> None:
    torch.manual_seed(0)
    attention, tokens = Attention(8, 2).double(), torch.randn(2, 5, 8).double()
    query, key, value = (part.reshape(2, 5, 2, 4).transpose(1, 2) for part in attention.qkv(tokens).split(8, dim=2))
    weights = torch.exp(torch.einsum("bhid,bhjd->bhij", query, key) / 2)
    weights = weights / weights.sum(-1, keepdim=True)
    attended = torch.einsum("bhij,bhjd->bihd", weights, value).reshape(2, 5, 8)
    torch.testing.assert_close(attention(tokens), attention.proj(attended), atol=1e-10, rtol=1e-10)


def test_positions_of_the_same_grid_are_kept_to_the_bit() -> None:
    positions = torch.randn(1, 1 + 14 * 14, 24)
    assert torch.equal(resize_positions(positions, 14, 14), positions)


def test_positions_of_another_grid_are_its_bicubic_image_and_the_class_token_stays() -> None:
    positions = torch.randn(1, 1 + 3 * 3, 4)
    resized = resize_positions(positions, 5, 7)
    assert resized.shape == (1, 1 + 35, 4)
    assert torch.equal(resized[:, 0], positions[:, 0])
    grid = positions[0, 1:].T.reshape(1, 4, 3, 3)
    expected = F.interpolate(grid, (5, 7), mode="bicubic").reshape(4, 35).T
    torch.testing.assert_close(resized[0, 1:], expected)


def test_a_smooth_field_of_positions_stays_where_it_is_in_the_image() -> None:
    side = (torch.arange(14.0) + 0.5) / 14
    positions = torch.cat([torch.zeros(1, 2), torch.cartesian_prod(side, side)])[None]
    finer = (torch.arange(32.0) + 0.5) / 32
    inside = slice(4, 28)  # the edge repeats itself and is flatter
    found = resize_positions(positions, 32, 32)[0, 1:].reshape(32, 32, 2)
    expected = torch.cartesian_prod(finer, finer).reshape(32, 32, 2)
    torch.testing.assert_close(found[inside, inside], expected[inside, inside], atol=0.01, rtol=0)


def test_an_oblong_image_has_an_oblong_map() -> None:
    (found,) = tiny(in_channels=1)(torch.rand(2, 1, 32, 80))
    assert found.shape == (2, 24, 2, 5)


@pytest.mark.parametrize("size", [0, 8, 100, -16])
def test_a_size_that_is_no_multiple_of_the_patch_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"image_size: expected a positive multiple of 16, found {size}"):
        tiny(image_size=size)
