"""What all convolutional backbones for photos keep: strides, channels, and dilation in place of strides."""

import math

import pytest
import torch

from medsize.networks.backbone import Backbone, Dilation
from tests.networks.test_published_names import DILATED


@pytest.mark.parametrize("name", DILATED)
@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_maps_of_odd_images_have_the_promised_channels_and_strides(name: str, output_stride: int) -> None:
    with torch.device("meta"):
        backbone = DILATED[name](in_channels=1, output_stride=output_stride)
        maps = backbone(torch.rand(1, 1, 321, 97))
    assert backbone.strides == tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))
    assert len(maps) == 5
    for feature, channels, stride in zip(maps, backbone.channels, backbone.strides, strict=True):
        assert feature.shape == (1, channels, math.ceil(321 / stride), math.ceil(97 / stride))


@pytest.mark.parametrize("name", DILATED)
def test_another_output_stride_is_refused(name: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=r"output_stride: expected one of .*8, 16, 32.*found 4"):
        DILATED[name](output_stride=4)


def test_a_stride_that_is_not_kept_dilates_what_follows() -> None:
    dilation = Dilation(8)
    assert [(dilation.take(stride), dilation.current) for stride in (2, 2, 1, 2, 2, 1, 2)] == [
        (2, 1),
        (2, 1),
        (1, 1),
        (2, 1),
        (1, 2),
        (1, 2),
        (1, 4),
    ]


def test_a_backbone_must_say_how_it_computes() -> None:
    with pytest.raises(NotImplementedError):
        Backbone(in_channels=3, output_stride=8)(torch.rand(1, 3, 8, 8))
