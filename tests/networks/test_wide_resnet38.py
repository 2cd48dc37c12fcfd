import torch

from medsize.networks import WideResNet38
from tests.networks.published_backbones import checkpoint, wide_forward, wide_resnet38


def test_at_output_stride_8_it_computes_resnet38d_and_at_32_every_fourth_position_of_it() -> None:
    state = checkpoint(wide_resnet38())
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    last = {}
    for output_stride in (8, 32):
        with torch.device("meta"):
            backbone = WideResNet38(output_stride=output_stride).eval()
        backbone.load_state_dict(state, strict=False, assign=True)
        with torch.no_grad():
            maps = backbone(image)
        assert all(feature.min() >= 0 for feature in maps)  # every map is normalised and behind a ReLU
        last[output_stride] = maps[-1]
    with torch.no_grad():
        expected = wide_forward(state, image)
    assert expected.std() > 0.05
    torch.testing.assert_close(last[8], expected, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(last[32], expected[..., ::4, ::4], atol=1e-3, rtol=1e-3)
