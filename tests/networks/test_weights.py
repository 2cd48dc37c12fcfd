import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from medsize.networks import (
    MobileNetV2,
    VisionTransformer,
    load_encoder_weights,
    match_weights,
    read_state_dict,
    resnet18,
    vit_small,
)
from medsize.networks.vit import resize_positions
from tests.networks import published
from tests.networks.published_backbones import checkpoint, resnet, vit

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("MEDSIZE_TEST_DATA", ROOT.parent / "shared" / "data"))
IMAGENET = SHARED.parent / "weights" / "mobilenet_v2_imagenet1k.safetensors"


def save(state: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.pt"])
def test_every_tensor_of_the_encoder_is_loaded_and_the_rest_reported(tmp_path: Path, name: str) -> None:
    state = published.checkpoint()
    state["features.0.1.num_batches_tracked"] = torch.tensor(7)
    encoder = MobileNetV2()
    report = load_encoder_weights(encoder, save(state, tmp_path / name))
    own = {n: t for n, t in encoder.state_dict().items() if not n.endswith("num_batches_tracked")}
    assert set(report.fitting) == set(own)
    assert all(torch.equal(tensor, state[n]) for n, tensor in own.items())
    assert set(report.left_over) == set(state) - set(own)
    assert {"classifier.1.bias", "features.18.0.weight", "features.0.1.num_batches_tracked"} <= set(report.left_over)
    assert report.path == tmp_path / name
    assert encoder.state_dict()["features.0.1.num_batches_tracked"] == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_types_become_float32_and_are_counted(tmp_path: Path, dtype: torch.dtype) -> None:
    state = published.checkpoint()
    wide = [name for name, tensor in state.items() if tensor.ndim == 4]
    encoder = MobileNetV2()
    path = save(state | {name: state[name].to(dtype) for name in wide}, tmp_path / "w.safetensors")
    assert read_state_dict(path)[wide[0]].dtype is dtype
    match = load_encoder_weights(encoder, path)
    assert match.converted == {str(dtype).removeprefix("torch."): len(wide) - 1}  # the last one is not the encoder's
    assert encoder.state_dict()[wide[0]].dtype is torch.float32
    assert torch.equal(encoder.state_dict()[wide[0]], state[wide[0]].to(dtype).float())


@pytest.mark.parametrize("in_channels", [1, 2, 4])
def test_equal_channels_give_the_features_of_the_replicated_grey_image(tmp_path: Path, in_channels: int) -> None:
    path = save(published.checkpoint(), tmp_path / "w.pth")
    colour, adapted = MobileNetV2().eval(), MobileNetV2(in_channels=in_channels).eval()
    load_encoder_weights(colour, path)
    load_encoder_weights(adapted, path)
    grey = torch.randn(1, 1, 32, 48)
    with torch.no_grad():
        expected = colour(grey.expand(-1, 3, -1, -1))
        found = adapted(grey.expand(-1, in_channels, -1, -1))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_missing_and_misshaped_tensors_are_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    state = published.checkpoint()
    del state["features.2.conv.0.0.weight"]
    state["features.17.conv.2.weight"] = torch.zeros(640, 960, 1, 1)
    encoder = MobileNetV2()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises(ValueError, match="2 of 255 tensors do not fit MobileNetV2") as caught:
        load_encoder_weights(encoder, save(state, tmp_path / "w.pth"))
    message = str(caught.value)
    assert "features.2.conv.0.0.weight: found nothing" in message
    assert "features.17.conv.2.weight: expected (320, 960, 1, 1), found (640, 960, 1, 1)" in message
    assert "mobilenet_v2-b0353104.pth" in message
    assert "more" not in message
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_another_networks_weights_show_five_names_and_the_number_of_others(tmp_path: Path) -> None:
    path = save(nn.Linear(3, 2).state_dict(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match="255 of 255 tensors") as caught:
        load_encoder_weights(MobileNetV2(), path)
    assert str(caught.value).count("found nothing") == 5
    assert "and 250 more" in str(caught.value)


@pytest.mark.parametrize("shape", [(32, 5, 3, 3), (32, 27)])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_first_kernel_for_other_images_is_misshaped(tmp_path: Path, shape: tuple[int, ...], in_channels: int) -> None:
    state = published.checkpoint() | {"features.0.0.weight": torch.zeros(shape)}
    with pytest.raises(ValueError, match=r"features.0.0.weight: expected \(32, "):
        load_encoder_weights(MobileNetV2(in_channels=in_channels), save(state, tmp_path / "w.pth"))


def test_a_match_names_everything_and_changes_nothing(tmp_path: Path) -> None:
    state = checkpoint(resnet([2, 2, 2, 2], bottleneck=False))
    del state["layer1.0.bn1.bias"]
    state["layer3.0.conv1.weight"] = state["layer3.0.conv1.weight"][:, :64]
    path = save({f"module.{name}": tensor.half() for name, tensor in state.items()}, tmp_path / "w.safetensors")
    with torch.device("meta"):
        encoder = resnet18(in_channels=1)
    match = match_weights(encoder, path)
    assert not match.covers
    assert match.missing == ("layer1.0.bn1.bias",)
    assert match.misshaped == (("layer3.0.conv1.weight", (256, 128, 3, 3), (256, 64, 3, 3)),)
    assert set(match.left_over) == {"fc.bias", "fc.weight"}
    assert match.adapted == ("conv1.weight",)
    assert match.converted == {"float16": 99}
    assert len(match.fitting) == 98
    assert match.backbone == "ResNet"


@pytest.mark.parametrize("image_size", [224, 64])
def test_a_timm_or_deit_checkpoint_fits_any_size_and_its_positions_are_interpolated(
    tmp_path: Path, image_size: int
) -> None:
    state = checkpoint(vit(384))
    path = tmp_path / "deit.pth"
    torch.save({"model": state}, path)
    encoder = vit_small(image_size=image_size)
    match = load_encoder_weights(encoder, path)
    assert match.covers
    assert match.left_over == ("head.weight", "head.bias")
    assert match.adapted == (() if image_size == 224 else ("pos_embed",))
    own = encoder.state_dict()
    assert torch.equal(own["pos_embed"], resize_positions(state["pos_embed"], image_size // 16, image_size // 16))
    assert all(torch.equal(own[name], state[name]) for name in own if name != "pos_embed")


@pytest.mark.parametrize("shape", [(1, 198, 24), (1, 1, 24), (197, 24), (1, 197, 20)])
def test_positions_that_are_no_square_grid_of_this_width_are_misshaped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    encoder = VisionTransformer(width=24, heads=3, depth=1, image_size=48, stock_weights="none")
    state = dict(encoder.state_dict()) | {"pos_embed": torch.zeros(shape)}
    match = match_weights(encoder, save(state, tmp_path / "w.pth"))
    assert match.misshaped == (("pos_embed", (1, 10, 24), shape),)


def test_an_absent_file_says_where_the_weights_come_from(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such weight file") as caught:
        load_encoder_weights(MobileNetV2(), tmp_path / "none.pth")
    assert "MobileNet_V2_Weights.IMAGENET1K_V1, file mobilenet_v2-b0353104.pth" in str(caught.value)
    with pytest.raises(ValueError, match="there is no such weight file"):
        read_state_dict(tmp_path / "none.pth")


@pytest.mark.skipif(not IMAGENET.is_file(), reason=f"no ImageNet weights at {IMAGENET}")
@pytest.mark.parametrize("in_channels", [1, 3])
def test_the_shared_imagenet_weights_fit_with_nothing_missing(in_channels: int) -> None:
    encoder = MobileNetV2(in_channels=in_channels)
    report = load_encoder_weights(encoder, IMAGENET)
    assert len(report.fitting) == 255
    assert len(report.left_over) == 7
    assert all(tensor.isfinite().all() for tensor in encoder.state_dict().values())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: (t.float() * 1e6).half(), r"features.0.1.running_var \(32 of 32 values\); saved in float16"),
        (lambda t: t * torch.nan, r"features.0.1.running_var \(32 of 32 values\); NaN"),
        (lambda t: t.double() * 1e300, r"saved in float64, with values beyond float32"),
        (lambda t: t.to(torch.int8), r"quantised, not in floating point: features.0.1.running_var \(torch.int8\)"),
    ],
)
def test_statistics_that_are_no_finite_numbers_are_refused_and_nothing_is_loaded(
    tmp_path: Path, spoil: Callable[[Tensor], Tensor], said: str
) -> None:
    state = published.checkpoint()
    state["features.0.1.running_var"] = spoil(state["features.0.1.running_var"] + 1)
    encoder, path = MobileNetV2(), save(state, tmp_path / "w.safetensors")
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    for use in (load_encoder_weights, match_weights):
        with pytest.raises(ValueError, match=said):
            use(encoder, path)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_what_the_backbone_has_no_place_for_may_be_anything(tmp_path: Path) -> None:
    state = published.checkpoint() | {"classifier.1.bias": torch.full((1000,), torch.nan)}
    assert match_weights(MobileNetV2(), save(state, tmp_path / "w.pth")).covers
