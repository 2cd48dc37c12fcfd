import pytest
import torch

from medsize.networks import ResNet, resnet18, resnet50, resnext50
from tests.networks.published_backbones import PUBLISHED, checkpoint, resnet_forward

BUILD = {"resnet18": (resnet18, 1), "resnet50": (resnet50, 1), "resnext50": (resnext50, 32)}


def of_checkpoint(name: str, output_stride: int = 32) -> ResNet:
    backbone = BUILD[name][0](output_stride=output_stride)
    missing = backbone.load_state_dict(checkpoint(PUBLISHED[name]()), strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)
    return backbone.eval()


@pytest.mark.parametrize("name", BUILD)
def test_a_published_state_dict_gives_the_published_activations(name: str) -> None:
    image = torch.randn(1, 3, 64, 45, generator=torch.Generator().manual_seed(1))
    state = checkpoint(PUBLISHED[name]())
    with torch.no_grad():
        maps = of_checkpoint(name)(image)
        expected = resnet_forward(state, image, groups=BUILD[name][1])
    for ours, theirs in zip(maps, expected, strict=True):
        assert theirs.std() > 0.05
        torch.testing.assert_close(ours, theirs, atol=1e-3 * theirs.std().item(), rtol=1e-3)


@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize("name", ["resnet18", "resnext50"])
def test_a_dilated_resnet_computes_the_undilated_maps_between_more_positions(name: str, output_stride: int) -> None:
    image = torch.randn(1, 3, 96, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        coarse, fine = of_checkpoint(name)(image), of_checkpoint(name, output_stride)(image)
    for whole, dilated in zip(coarse, fine, strict=True):
        step = dilated.shape[-1] // whole.shape[-1]
        tolerance = 1e-3 * whole.std().item()
        torch.testing.assert_close(dilated[..., ::step, ::step], whole, atol=tolerance, rtol=1e-3)
    assert fine[-1].shape[-1] == 64 // output_stride
