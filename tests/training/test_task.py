"""What a training needs is checked before anything is done."""

from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.training import start_run
from tests.conftest import tiny_run_config
from tests.training.runs import copy_with_scribbles


def test_training_cases_without_label_need_scribbles_and_a_table(tiny_acdc: Path, tmp_path: Path):
    root = tmp_path / "acdc"
    copy_with_scribbles(tiny_acdc, root, tmp_path / "scribbles")
    for label in (root / "training").glob("patient001/*_gt.nii.gz"):
        label.unlink()
    with pytest.raises(InputError) as caught:
        start_run(tiny_run_config(root, tmp_path / "cache", "data.split.fold=1"), tmp_path / "run")
    assert "2 training case(s) have no label: patient001_frame01, patient001_frame09" in str(caught.value)
    assert "seeds of kind 'erosion' are made from masks and sizes of kind 'exact' are measured on masks" in str(
        caught.value
    )
    assert not (tmp_path / "run").exists()


def test_weights_that_cannot_be_used_are_refused_before_anything_is_prepared(tiny_acdc: Path, tmp_path: Path):
    (tmp_path / "w.safetensors").write_bytes(b"garbage")
    config = tiny_run_config(
        tiny_acdc, tmp_path / "cache", f"network={{name: mobilenetv2_unet, weights: {tmp_path / 'w.safetensors'}}}"
    )
    with pytest.raises(InputError, match=r"w\.safetensors"):
        start_run(config, tmp_path / "run")
    assert not (tmp_path / "cache").exists()
