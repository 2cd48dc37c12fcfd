import torch
from torch import Tensor
from torch.nn import functional as F

from medsize.networks import VGG16
from tests.networks.published_backbones import checkpoint, vgg16

CONVOLUTIONS = [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]]


def expected(state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """The map behind each 3×3 pool of DeepLab-LargeFOV: the last two keep their size, the last stage is dilated."""
    maps, x = [], image
    for stage, positions in enumerate(CONVOLUTIONS):
        rate = 2 if stage == 4 else 1
        for at in positions:
            x = F.conv2d(x, state[f"features.{at}.weight"], state[f"features.{at}.bias"], 1, rate, rate).relu()
        x = F.max_pool2d(x, 3, 2 if stage < 3 else 1, 1)
        maps.append(x)
    return maps


def test_at_output_stride_8_it_is_largefovs_vgg16_and_at_16_it_differs_from_32_in_positions_alone() -> None:
    state = checkpoint(vgg16_features())
    image = torch.randn(1, 3, 65, 65, generator=torch.Generator().manual_seed(1))
    found = {}
    for output_stride in (8, 16, 32):
        with torch.device("meta"):
            backbone = VGG16(output_stride=output_stride).eval()
        backbone.load_state_dict(state, assign=True)
        with torch.no_grad():
            found[output_stride] = backbone(image)
    with torch.no_grad():
        for ours, theirs in zip(found[8], expected(state, image), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert found[8][-1].shape[-2:] == (9, 9)
    torch.testing.assert_close(found[16][-1][..., ::2, ::2], found[32][-1], atol=1e-4, rtol=1e-4)


def vgg16_features() -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in vgg16().items() if name.startswith("features.")}
