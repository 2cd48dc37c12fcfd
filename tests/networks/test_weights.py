import os
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from medsize.networks import MobileNetV2, load_encoder_weights, read_state_dict
from tests.networks import published

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


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"model": {"state_dict": {f"module.{n}": t for n, t in state.items()}}},
        lambda state: {f"module.{n}": t for n, t in state.items()},
    ],
)
def test_wrapped_and_prefixed_state_dicts_are_understood(tmp_path: Path, wrap) -> None:
    state = published.checkpoint()
    path = tmp_path / "w.pth"
    torch.save(wrap(state), path)
    found = read_state_dict(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[n], state[n]) for n in state)


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


def test_an_absent_file_says_where_the_weights_come_from(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such weight file") as caught:
        load_encoder_weights(MobileNetV2(), tmp_path / "none.pth")
    assert "MobileNet_V2_Weights.IMAGENET1K_V1, file mobilenet_v2-b0353104.pth" in str(caught.value)
    with pytest.raises(ValueError, match="there is no such weight file"):
        read_state_dict(tmp_path / "none.pth")


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_a_pickle_with_code_is_refused_and_not_executed(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"evil{suffix}"
    torch.save({"features.0.0.weight": Malicious()}, path)
    with pytest.raises(ValueError, match=f"evil{suffix}.*holds more than tensors"):
        read_state_dict(path)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ValueError, match=f"evil{suffix}.*holds more than tensors"):
        read_state_dict(path)
    assert not (tmp_path / "executed").exists()


def test_a_whole_pickled_network_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "whole.pth"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(ValueError, match=r"(?s)whole.pth.*save model.state_dict\(\)"):
        read_state_dict(path)


@settings(deadline=None, max_examples=60)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_any_bytes_are_a_value_error_that_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("bytes") / f"garbage{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"garbage{suffix}"):
        read_state_dict(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
def test_a_truncated_file_is_a_value_error_that_names_it(tmp_path: Path, suffix: str, kept: float) -> None:
    path = save({"a": torch.randn(1000), "b": torch.randn(1000)}, tmp_path / f"cut{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ValueError, match=f"cut{suffix}"):
        read_state_dict(path)


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    for content in ([torch.ones(2)], {"epoch": 3}, {}, torch.ones(2)):
        path = tmp_path / "w.pth"
        torch.save(content, path)
        with pytest.raises(ValueError, match="expected tensors by name"):
            read_state_dict(path)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    for name in ("w.onnx", "weights"):
        with pytest.raises(ValueError, match=r"expected a weight file \(.safetensors, .pth, .pt\), found"):
            read_state_dict(tmp_path / name)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save({"a": torch.ones(1)}, tmp_path / "w.pth")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(ValueError, match=r"w.pth: cannot be read \(Permission denied\)"):
        read_state_dict(path)


@pytest.mark.skipif(not IMAGENET.is_file(), reason=f"no ImageNet weights at {IMAGENET}")
@pytest.mark.parametrize("in_channels", [1, 3])
def test_the_shared_imagenet_weights_fit_with_nothing_missing(in_channels: int) -> None:
    encoder = MobileNetV2(in_channels=in_channels)
    report = load_encoder_weights(encoder, IMAGENET)
    assert len(report.fitting) == 255
    assert len(report.left_over) == 7
    assert all(tensor.isfinite().all() for tensor in encoder.state_dict().values())
