"""What a training needs is checked before anything is done."""

from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.training import start_run
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.training.runs import copy_with_scribbles

PSEUDO_LABELS_ALONE = (
    "objective.pseudo_cross_entropy={}",
    "objective.partial_cross_entropy=null",
    "objective.size_target=null",
)


@pytest.mark.parametrize("objective", [(), PSEUDO_LABELS_ALONE], ids=["seeds and sizes", "pseudo labels"])
def test_training_cases_without_label_need_scribbles_and_a_table(
    tiny_acdc: Path, tmp_path: Path, objective: tuple[str, ...]
):
    root = tmp_path / "acdc"
    copy_with_scribbles(tiny_acdc, root, tmp_path / "scribbles")
    for label in (root / "training").glob("patient001/*_gt.nii.gz"):
        label.unlink()
    config = tiny_run_config(root, tmp_path / "cache", "data.split.fold=1", *objective)
    with pytest.raises(InputError) as caught:
        start_run(config, tmp_path / "run")
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


@pytest.mark.parametrize(("name", "value"), [("rotation", 10), ("elastic", 0.05)])
def test_cut_edges_need_something_that_tells_where_structures_are(
    tiny_acdc: Path, tmp_path: Path, name: str, value: float
):
    config = tiny_run_config(
        tiny_acdc,
        tmp_path / "cache",
        "objective.partial_cross_entropy=null",
        f"training.augmentation.{name}={value}",
    )
    with pytest.raises(InputError) as caught:
        start_run(config, tmp_path / "run")
    assert f"training.augmentation.{name} would make every size unknown" in str(caught.value)
    assert "an objective on size_target" in str(caught.value)
    assert "partial_cross_entropy" in str(caught.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("term", "key"),
    [
        ("weighted_cross_entropy: {counts: [3, 2, 1]}", "weighted_cross_entropy.counts"),
        ("balance: {distribution: [0.5, 0.3, 0.2]}", "balance.distribution"),
    ],
)
def test_values_for_another_number_of_classes_are_refused(tiny_acdc: Path, tmp_path: Path, term: str, key: str):
    config = tiny_run_config(tiny_acdc, tmp_path / "cache", f"objective={{{term}}}")
    with pytest.raises(InputError, match=rf"objective\.{key} does not fit(?s:.)*2 values, for background, lv(?s:.)*3"):
        start_run(config, tmp_path / "run")


def test_slices_with_sizes_of_some_structures_are_counted(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path):
    rows = "".join(f"patient{n:03d}_frame01,1,lv,0.05,fraction\n" for n in range(1, 11))
    (tmp_path / "sizes.csv").write_text("case,slice,structure,value,unit\n" + rows)
    config = tiny_run_config(
        tiny_acdc,
        tiny_cache,
        "data.structures=[lv, rv]",
        f"supervision.sizes={{kind: table, path: {tmp_path / 'sizes.csv'}}}",
    )
    task = prepare_task(config)
    train = {case.id for case in task.cases if case.split == "train"}
    partial = sum(case.endswith("frame01") for case in train)
    assert f"some structures have no given size on {partial} of {3 * len(train)} slices" in task.describe()
