"""Every backbone for photos has the names and shapes of the published weights; nothing is computed here."""

import math
from functools import partial

import pytest
import torch

from medsize import networks
from medsize.networks import Backbone
from tests.networks.published_backbones import HEADS, PARAMETERS, PUBLISHED

BACKBONES = {
    "resnet18": networks.resnet18,
    "resnet34": networks.resnet34,
    "resnet50": networks.resnet50,
    "resnet101": networks.resnet101,
    "resnext50": networks.resnext50,
    "vgg16": networks.VGG16,
    "wideresnet38": networks.WideResNet38,
    "vit_small": networks.vit_small,
    "vit_base": networks.vit_base,
}
DILATED = {name: build for name, build in BACKBONES.items() if not name.startswith("vit")}


def shapes_of(backbone: Backbone) -> dict[str, tuple[int, ...]]:
    state = backbone.state_dict()
    return {name: tuple(t.shape) for name, t in state.items() if not name.endswith("num_batches_tracked")}


def without_head(name: str) -> dict[str, tuple[int, ...]]:
    return {key: shape for key, shape in PUBLISHED[name]().items() if not key.startswith(HEADS)}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_lists_add_up_to_the_published_numbers_of_parameters(name: str) -> None:
    learned = [s for n, s in PUBLISHED[name]().items() if not n.endswith(("running_mean", "running_var"))]
    assert sum(map(math.prod, learned)) == PARAMETERS[name]


def test_the_list_of_wideresnet38_has_the_landmarks_of_the_published_file() -> None:
    shapes = PUBLISHED["wideresnet38"]()
    assert shapes["b2.conv_branch1.weight"] == (128, 64, 1, 1)
    assert shapes["b4_5.conv_branch2b1.weight"] == (512, 512, 3, 3)
    assert shapes["b5_2.bn_branch2a.running_var"] == (1024,)
    assert shapes["b7.conv_branch2b2.weight"] == (4096, 2048, 1, 1)
    # 402 MiB is what the published file weighs, almost all of it float32 tensors
    assert sum(map(math.prod, shapes.values())) * 4 / 2**20 == pytest.approx(402, abs=2)


@pytest.mark.parametrize("name", BACKBONES)
def test_names_and_shapes_are_the_published_ones_without_the_classifier(name: str) -> None:
    with torch.device("meta"):
        assert shapes_of(BACKBONES[name]()) == without_head(name)


@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize("name", DILATED)
def test_dilation_changes_no_name_and_no_shape(name: str, output_stride: int) -> None:
    with torch.device("meta"):
        assert shapes_of(DILATED[name](output_stride=output_stride)) == without_head(name)


@pytest.mark.parametrize(
    "network",
    [
        partial(networks.DeepLabV3Plus, backbone=networks.resnet101),
        partial(networks.DeepLabV3Plus, backbone=networks.WideResNet38),
        partial(networks.BackboneUNet, backbone=networks.resnext50),
        networks.DeepLabV2,
        networks.DeepLabLargeFOV,
        networks.Segmenter,
    ],
)
def test_a_network_holds_the_backbone_under_encoder_and_the_rest_beside_it(network) -> None:
    with torch.device("meta"):
        net = network(in_channels=3, classes=21)
    assert {n.removeprefix("encoder.") for n in net.state_dict() if n.startswith("encoder.")} == set(
        net.encoder.state_dict()
    )
    assert {n.split(".")[0] for n in net.state_dict()} - {"encoder"} <= {
        *("aspp", "low_level", "decoder", "classifier", "classifiers", "fc6", "fc7")
    }
