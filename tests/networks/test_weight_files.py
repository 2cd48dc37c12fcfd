import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from medsize.networks import read_state_dict
from medsize.networks.weight_files import read_metadata, read_safetensors
from tests.networks import published


def save(state: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"model_state": state, "optimizer_state": {"lr": 0.1}},
        lambda state: {"model": {"state_dict": {f"module.{n}": t for n, t in state.items()}}},
        lambda state: {f"module.{n}": t for n, t in state.items()},
        lambda state: {f"module._orig_mod.{n}": t for n, t in state.items()},
    ],
)
@pytest.mark.parametrize("name", ["w.pth", "best.pth.tar", "last.ckpt"])
def test_wrapped_and_prefixed_state_dicts_are_understood(tmp_path: Path, name: str, wrap) -> None:
    state = published.checkpoint()
    path = tmp_path / name
    torch.save(wrap(state), path)
    found = read_state_dict(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[n], state[n]) for n in state)


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


@settings(max_examples=60)
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
    for name in ("w.onnx", "weights", "w.tar"):
        with pytest.raises(
            ValueError, match=r"expected a weight file \(.safetensors, .pth, .pt, .pth.tar, .*\), found"
        ):
            read_state_dict(tmp_path / name)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save({"a": torch.ones(1)}, tmp_path / "w.pth")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(ValueError, match=r"w.pth: cannot be read \(Permission denied\)"):
        read_state_dict(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pth.tar"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 14212972\n",
            "Git LFS pointer.*git lfs pull",
        ),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page.*download the file itself"),
        (b"\n  <html lang='en'>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page"),
        (b"Entry not found", "a text that begins 'Entry not found'"),
        (b'{"error": "Invalid credentials"}', "a text that begins"),
        (b"", "an empty file: copy or download it again"),
    ],
)
def test_what_stands_for_weights_that_were_not_downloaded_is_told(
    tmp_path: Path, suffix: str, content: bytes, said: str
) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"w{suffix}: no readable .* weight file|no readable safetensors file"
    ) as caught:
        read_state_dict(path)
    assert re.search(said, str(caught.value))


def test_what_a_safetensors_file_says_about_itself_is_read_with_and_without_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(2)}, path, {"epoch": "3"})
    tensors, metadata = read_safetensors(path)
    assert list(tensors) == ["a"]
    assert metadata == read_metadata(path) == {"epoch": "3"}
    save_file({"a": torch.ones(2)}, path)
    assert read_metadata(path) == {}
    path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match="a text that begins 'garbage'"):
        read_metadata(path)
    for read in (read_metadata, read_safetensors):
        with pytest.raises(ValueError, match=r"gone.safetensors: cannot be read"):
            read(tmp_path / "gone.safetensors")
