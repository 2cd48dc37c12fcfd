import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from medsize.config.data import PaperPreprocessing, PhotoPreprocessing, PhysicalPreprocessing
from medsize.config.network import NetworkConfig
from medsize.export.trace import build_program, sample_inputs, trace

NETWORKS = ["mobilenetv2_deeplabv3plus", "vit_s16_segmenter", "unet"]
PHYSICAL = PhysicalPreprocessing(name="physical", size=40, spacing_mm=1.5)


def build(name: str, *, in_channels: int, classes: int) -> nn.Module:
    given = {"name": name} | ({"channels": (4, 8)} if name == "unet" else {})
    return TypeAdapter(NetworkConfig).validate_python(given).build(in_channels=in_channels, classes=classes)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_every_network_is_traced_for_any_number_and_size_of_planes(name: str) -> None:
    program = build_program(build(name, in_channels=1, classes=3), PHYSICAL)
    exported = trace(program, PHYSICAL, 1)
    # medsize's own depthwise convolution is torch's plain one where no gradient is recorded
    assert not [node for node in exported.graph.nodes if "autograd" in str(node.target)]
    traced = exported.module()
    for batch, shape in ((1, (2, 3)), (4, (70, 31))):
        inputs = sample_inputs(PHYSICAL, 1, batch=batch, shape=shape)
        torch.testing.assert_close(traced(*inputs), program(*inputs), atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_papers_way_needs_no_spacing() -> None:
    preprocessing = PaperPreprocessing(size=32)
    program = build_program(build("unet", in_channels=1, classes=2), preprocessing)
    traced = trace(program, preprocessing, 1).module()
    (planes,) = sample_inputs(preprocessing, 1, batch=3, shape=(20, 41))
    torch.testing.assert_close(traced(planes), program(planes), atol=1e-5, rtol=0)


@torch.no_grad()
def test_photos_are_squares_of_three_colours() -> None:
    preprocessing = PhotoPreprocessing(name="photo", size=32)
    program = build_program(build("unet", in_channels=3, classes=2), preprocessing)
    traced = trace(program, preprocessing, 3).module()
    (planes,) = sample_inputs(preprocessing, 3, batch=5, shape=(1, 1))
    assert planes.shape == (5, 3, 32, 32)
    torch.testing.assert_close(traced(planes), program(planes), atol=1e-5, rtol=0)
