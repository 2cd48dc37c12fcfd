"""Trainings from people's tables: volumes, ranges, and both levels in one; reproducible, and honest about it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.data.batches import gather
from medsize.run_folder import RunFolder
from medsize.training import start_run
from medsize.training.task import prepare_task
from tests.conftest import DEPTH, SIDE, tiny_run_config
from tests.training.runs import history, same_weights, stopped_and_resumed

VOXEL_ML = 1.5 * 1.5 * 8 / 1000
IMAGE_ML = SIDE * SIDE * DEPTH * VOXEL_ML


def training_cases(root: Path, cache: Path) -> pd.DataFrame:
    """Exact fractions of the LV of every training slice."""
    table = prepare_task(tiny_run_config(root, cache)).supervision.table
    return table[table["structure"] == "lv"]


def table_config(root: Path, cache: Path, path: Path, rows: Sequence[str], *assignments: str) -> RunConfig:
    path.write_text("case,slice,structure,value,low,high,unit\n" + "\n".join(rows) + "\n")
    return tiny_run_config(root, cache, f"supervision.sizes={{kind: table, path: {path}}}", *assignments)


@pytest.fixture
def mixed(tiny_acdc: Path, tiny_cache: Path, tmp_path: Path) -> RunConfig:
    """Of the training cases, a quarter each has sizes of slices, a volume, a range of the volume, and nothing."""
    exact = training_cases(tiny_acdc, tiny_cache)
    rows = []
    for number, (case, slices) in enumerate(exact.groupby("case")):
        volume = slices["exact_fraction"].mean() * IMAGE_ML
        match number % 4:
            case 0:
                rows += [f"{case},{row.slice},lv,{100 * row.exact_fraction},,,percent" for row in slices.itertuples()]
            case 1:
                rows += [f"{case},,lv,{volume},,,ml"]
            case 2:
                rows += [f"{case},,lv,,{0.7 * volume},{1.3 * volume},ml"]
    return table_config(tiny_acdc, tiny_cache, tmp_path / "sizes.csv", rows)


def test_a_mixed_table_trains_slices_volumes_and_ranges_at_once(mixed: RunConfig, tmp_path: Path):
    run = start_run(mixed, tmp_path / "run")
    settled = load_resolved(run.config)
    assert settled.supervision.level == "both"
    parts = history(run)[0]["parts"]
    assert set(parts) == {
        "partial_cross_entropy", "size_target", "size_bounds", "volume_size_target", "volume_size_bounds",
    }  # fmt: skip
    assert parts["size_target"] > 0
    assert parts["volume_size_target"] > 0
    assert parts["volume_size_bounds"] > 0
    assert parts["size_bounds"] == 0, "no slice has a range"


def test_the_batches_of_a_mixed_table_hold_what_the_table_says(mixed: RunConfig):
    task = prepare_task(mixed)
    exact = task.supervision.table.set_index(["case", "level", "slice", "structure"])["exact_fraction"]
    (objective,) = task.objectives
    keys = objective.targets - {"image"}
    assert {"case", "size_target", "volume_size_target", "volume_size_bounds"} <= keys
    batch = gather(task.store, task.supervision.given, task.train_rows, keys=keys)
    cases = sorted(set(batch.cases))
    for row, case in enumerate(batch.cases):
        kind = cases.index(case) % 4
        slices, volume = batch.tensors["size_target"][row, 1], batch.tensors["volume_size_target"][row, 1]
        bounds = batch.tensors["volume_size_bounds"][row, 1]
        of_volume = exact.xs((case, "volume", "lv"), level=("case", "level", "structure")).item()
        of_slice = exact.xs((case, "slice", "lv"), level=("case", "level", "structure"))[row % DEPTH]
        assert torch.isnan(slices) == (kind != 0)
        assert torch.isnan(volume) == (kind != 1)
        assert torch.isnan(bounds).all() == (kind != 2)
        if kind == 0:
            assert float(slices) == pytest.approx(of_slice, rel=1e-5)
        if kind == 1:
            assert float(volume) == pytest.approx(of_volume, rel=1e-5)
        if kind == 2:
            assert bounds.tolist() == pytest.approx([0.7 * of_volume, 1.3 * of_volume], rel=1e-5)


def test_a_run_on_a_mixed_table_resumes_to_the_same_weights(
    mixed: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = start_run(mixed, tmp_path / "whole")
    stopped = stopped_and_resumed(mixed, tmp_path / "stopped", monkeypatch, step=4)
    assert same_weights(whole, stopped)
    assert history(whole) == history(stopped)


def test_the_run_folder_tells_what_was_written_in_the_table(mixed: RunConfig, tmp_path: Path):
    run = start_run(mixed, tmp_path / "run")
    sizes = pd.read_csv(run.size_targets)
    assert sizes["slice"].isna().equals(sizes["level"] == "volume")
    lv = sizes[sizes["structure"] == "lv"]
    table = pd.read_csv(mixed.supervision.sizes.path)
    told = lv[lv["rows"].notna()]
    assert len(told) == len(table)
    of_row = table.iloc[told["rows"].astype(int) - 2]
    for column in ("case", "slice", "unit"):
        assert told[column].to_list() == of_row[column].to_list() or column == "slice"
    for column in ("value", "low", "high"):
        np.testing.assert_allclose(told[column], of_row[column], rtol=1e-9)
    assert told["raters"].eq(1).all()
    volumes = told[told["unit"] == "ml"]
    np.testing.assert_allclose(volumes["given_fraction"], volumes["value"] / IMAGE_ML, rtol=1e-9)
    np.testing.assert_allclose(volumes["low_fraction"], volumes["low"] / IMAGE_ML, rtol=1e-9)
    assert lv[lv["rows"].isna()]["given_fraction"].isna().all()


def test_cases_without_a_size_are_counted(mixed: RunConfig):
    said = prepare_task(mixed).describe()
    assert "4 of 16 training cases have no size at all" in said


def test_a_table_in_ml_is_the_same_training_as_the_fractions_that_it_means(
    tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    exact = training_cases(tiny_acdc, tiny_cache).groupby("case")["exact_fraction"].mean()
    rows = [f"{case},,lv,{fraction * IMAGE_ML!r},,,ml" for case, fraction in exact.items()]
    told = start_run(table_config(tiny_acdc, tiny_cache, tmp_path / "ml.csv", rows), tmp_path / "told")
    measured = start_run(tiny_run_config(tiny_acdc, tiny_cache, "supervision={level: volume}"), tmp_path / "measured")
    assert_near(told, measured)


def assert_near(one: RunFolder, other: RunFolder) -> None:
    for first, second in zip(history(one), history(other), strict=True):
        if first["kind"] == "epoch":
            assert first["loss"] == pytest.approx(second["loss"], rel=1e-3)
