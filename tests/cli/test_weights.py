import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.cli.command import medsize
from tests.networks.published_backbones import checkpoint, resnet, vit


@pytest.fixture
def resnet18_file() -> Path:
    path = Path("resnet18.safetensors")
    save_file({f"module.{name}": t.half() for name, t in checkpoint(resnet([2] * 4, bottleneck=False)).items()}, path)
    return path


@pytest.mark.parametrize("settings", [(), ("--set", "network.output_stride=8")])
def test_a_file_that_covers_the_backbone_is_said_to_and_what_is_left_over_named(resnet18_file: Path, settings):
    outcome = medsize("weights", "check", resnet18_file, "--network", "resnet18_deeplabv3plus", *settings)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert "fits       100 of 100 tensors" in outcome.stdout
    assert "left over  2: fc." in outcome.stdout
    assert "100 tensors from float16 to float32" in outcome.stdout
    assert "missing" not in outcome.stdout
    assert outcome.stdout.endswith("The file gives everything that the backbone has.\n")


def test_a_file_of_another_backbone_is_exit_code_1_and_says_what_would_fit(resnet18_file: Path):
    outcome = medsize("weights", "check", resnet18_file, "--network", "resnet34_deeplabv3plus")
    assert outcome.code == 1
    assert "missing    80: layer1.2.conv1.weight" in outcome.stdout
    assert "and 68 more (--json lists all)" in outcome.stdout
    assert "torchvision ResNet34_Weights.IMAGENET1K_V1" in outcome.stdout


def test_json_says_all_of_it(resnet18_file: Path):
    outcome = medsize("weights", "check", resnet18_file, "--network", "resnet50_deeplabv3plus", "--json")
    assert outcome.code == 1
    found = json.loads(outcome.stdout)
    assert (found["network"], found["backbone"], found["covers"]) == ("resnet50_deeplabv3plus", "ResNet", False)
    assert ["layer1.0.conv1.weight", [64, 64, 1, 1], [64, 64, 3, 3]] in found["misshaped"]
    assert "layer4.2.bn3.bias" in found["missing"]
    assert set(found["left_over"]) >= {"fc.weight", "fc.bias"}


def test_positions_of_another_size_are_adapted_and_shapes_that_differ_are_told():
    torch.save({"model": checkpoint(vit(384))}, "deit.pth")
    outcome = medsize("weights", "check", "deit.pth", "--network", "vit_s16_segmenter")
    assert outcome.code == 0
    assert "adapted    1: pos_embed" in outcome.stdout
    outcome = medsize(
        "weights", "check", "deit.pth", "--network", "vit_s16_segmenter", "--set", "network.image_size=224"
    )
    assert outcome.code == 0
    assert "adapted" not in outcome.stdout
    outcome = medsize("weights", "check", "deit.pth", "--network", "vit_b16_segmenter")
    assert outcome.code == 1
    assert "cls_token (1, 1, 768), found (1, 1, 384)" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("w.pth", "--network", "resnet18"), "unknown variant 'resnet18'"),
        (("w.pth", "--network", "unet"), "--network unet starts from scratch"),
        (("w.pth", "--network", "resnet18_deeplabv3plus"), "w.pth: there is no such weight file"),
        (("w.pth", "--network", "vit_b16_segmenter", "--set", "network.image_size=100"), "multiple of 16"),
    ],
)
def test_what_cannot_be_checked_is_one_error(arguments: tuple[str, ...], problem: str):
    outcome = medsize("weights", "check", *arguments)
    assert (outcome.code, outcome.errors) == (1, 1)
    assert problem in outcome.said


@pytest.mark.parametrize("name", ["best.pth.tar", "last.ckpt"])
def test_a_training_checkpoint_with_prefixes_is_understood(name: str):
    state = checkpoint(resnet([2] * 4, bottleneck=False))
    torch.save({"epoch": 90, "state_dict": {f"module.{each}": tensor for each, tensor in state.items()}}, name)
    outcome = medsize("weights", "check", name, "--network", "resnet18_deeplabv3plus")
    assert (outcome.code, outcome.stderr) == (0, "")
    assert "fits       100 of 100 tensors" in outcome.stdout


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [(lambda t: (t * 0 + 16610601).half(), "saved in float16"), (lambda t: t * torch.nan, "diverged")],
)
def test_statistics_that_are_not_finite_are_one_error_with_its_cause(spoil, cause: str):
    state = checkpoint(resnet([2] * 4, bottleneck=False))
    save_file({**state, "bn1.running_var": spoil(state["bn1.running_var"])}, "w.safetensors")
    outcome = medsize("weights", "check", "w.safetensors", "--network", "resnet18_deeplabv3plus")
    assert (outcome.code, outcome.errors) == (1, 1)
    assert "not finite: bn1.running_var (64 of 64 values)" in outcome.said
    assert cause in outcome.said
