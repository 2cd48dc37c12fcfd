import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from medsize.config.data import PhysicalPreprocessing
from medsize.config.network import UNetConfig
from medsize.errors import InputError
from medsize.export import onnx_file
from medsize.export.trace import build_program, trace

PREPROCESSING = PhysicalPreprocessing(name="physical", size=32, spacing_mm=1.5)


@pytest.fixture(scope="module")
def program() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_program(UNetConfig(name="unet", channels=(4, 8)).build(in_channels=1, classes=2), PREPROCESSING)


@pytest.fixture(scope="module")
def traced(program: torch.nn.Module) -> torch.export.ExportedProgram:
    return trace(program, PREPROCESSING, 1)


def test_onnxruntime_gives_torchs_probabilities_at_any_size(tmp_path: Path, program, traced) -> None:
    difference = onnx_file.write_onnx(
        tmp_path / "m.onnx", program, traced, PREPROCESSING, 1, {"a": {"lv": 3}, "b": "x"}
    )
    assert difference < 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_modelmeta().custom_metadata_map == {"a": '{"lv": 3}', "b": "x"}
    assert [each.shape[1] for each in session.get_inputs()[:1]] == [1]
    assert session.get_outputs()[0].name == "probabilities"
    planes, spacing = torch.rand(7, 1, 50, 23), torch.tensor([0.9, 1.3])
    (found,) = session.run(None, {"planes": planes.numpy(), "spacing_mm": spacing.numpy()})
    np.testing.assert_allclose(found, program(planes, spacing).numpy(), atol=1e-4)


def test_a_file_with_other_numbers_is_removed(tmp_path: Path, traced) -> None:
    other = build_program(UNetConfig(name="unet", channels=(4, 8)).build(in_channels=1, classes=2), PREPROCESSING)
    with pytest.raises(InputError, match="other probabilities"):
        onnx_file.write_onnx(tmp_path / "m.onnx", other, traced, PREPROCESSING, 1, {})
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"no onnxscript(.|\n)*medsize\[onnx\]"):
        onnx_file.check_packages()
