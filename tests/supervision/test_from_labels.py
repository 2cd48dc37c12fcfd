from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medsize.config.data import DataConfig, ManifestSource, ManifestSplit, PaperPreprocessing
from medsize.config.objective import ObjectiveConfig
from medsize.config.run import RunConfig
from medsize.config.supervision import NoisySizes, SupervisionConfig, TableSizes
from medsize.config.terms import SizeTargetTerm
from medsize.data.case import Case
from medsize.data.prepare import find_split_cases, prepare_slices
from medsize.errors import InputError
from medsize.supervision import supervise
from medsize.supervision.from_labels import sizes_from_labels
from medsize.supervision.given_sizes import given_sizes
from medsize.supervision.size_table import Unit, read_size_table
from tests.supervision.conftest import LABELS, SPACING_MM, label_volume

NOISY = SupervisionConfig(sizes=NoisySizes(kind="noisy", noise=0.08))


def run_config(cases: list[Case], folder: Path, supervision: SupervisionConfig) -> RunConfig:
    splits = ["train", "val", "train"]
    rows = [
        {"case": case.id, "group": case.group, "image": case.image.name, "label": case.label and case.label.name}
        for case in cases
    ]
    pd.DataFrame(rows).assign(split=splits[: len(rows)], fold="").to_csv(folder / "manifest.csv", index=False)
    return RunConfig(
        data=DataConfig(
            source=ManifestSource(kind="manifest", path=folder / "manifest.csv", labels=LABELS),
            structures=("rv", "lv"),
            split=ManifestSplit(name="manifest"),
            preprocessing=PaperPreprocessing(size=24),
            cache=folder / "cache",
        ),
        supervision=supervision,
        objective=ObjectiveConfig(size_target=SizeTargetTerm()),
    )


def test_the_table_has_the_sizes_of_every_case_with_a_label(cases: list[Case], tmp_path: Path) -> None:
    output = tmp_path / "sizes.csv"
    rows = sizes_from_labels(run_config(cases, tmp_path, SupervisionConfig()), output)
    table = pd.read_csv(output)
    assert len(table) == rows == 2 * 4 * 2
    assert table["case"].unique().tolist() == ["case0", "case1"]
    assert table[table["slice"] == 0]["value"].eq(0).all()
    assert table[table["slice"] == 1]["value"].gt(0).all()


def test_a_run_taught_from_the_table_gets_the_sizes_it_would_have_drawn(cases: list[Case], tmp_path: Path) -> None:
    config = run_config(cases, tmp_path, NOISY)
    sizes_from_labels(config, tmp_path / "sizes.csv")
    store = prepare_slices(config.data, find_split_cases(config.data))
    tabulated = SupervisionConfig(sizes=TableSizes(kind="table", path=tmp_path / "sizes.csv"))
    drawn, read = (
        supervise(supervision, store, store.rows(["case0"]), needs=frozenset({"size_target"}), seed=0).given[
            "size_target"
        ]
        for supervision in (NOISY, tabulated)
    )
    np.testing.assert_allclose(read, drawn, rtol=1e-6)


def test_a_table_is_not_made_from_a_table(cases: list[Case], tmp_path: Path) -> None:
    config = run_config(cases, tmp_path, SupervisionConfig(sizes=TableSizes(kind="table", path=tmp_path / "s.csv")))
    with pytest.raises(InputError, match=r"(?s)'table'.*exact, noisy or mean"):
        sizes_from_labels(config, tmp_path / "sizes.csv")


def test_without_any_label_there_is_nothing_to_measure(cases: list[Case], tmp_path: Path) -> None:
    config = run_config(cases[2:], tmp_path, SupervisionConfig())
    with pytest.raises(InputError, match=r"no case has a label(?s:.)*1 cases"):
        sizes_from_labels(config, tmp_path / "sizes.csv")


def test_sizes_of_whole_cases_are_volumes_in_ml(cases: list[Case], tmp_path: Path) -> None:
    assert sizes_from_labels(run_config(cases, tmp_path, SupervisionConfig()), tmp_path / "s.csv", level="volume") == 4
    entries = {(entry.case, entry.structure): entry for entry in read_size_table(tmp_path / "s.csv")}
    for number in (0, 1):
        label, voxel_ml = label_volume(number), np.prod(SPACING_MM) / 1000
        for structure, value in (("rv", 1), ("lv", 3)):
            entry = entries[f"case{number}", structure]
            assert (entry.unit, entry.slice) == ("ml", None)
            assert entry.value == pytest.approx((label == value).sum() * voxel_ml, rel=0.05)  # resized in between


@pytest.mark.parametrize("unit", ["mm2", "ml", "percent", "cells 5x4", "pixels"])
def test_a_table_in_any_unit_teaches_the_same(cases: list[Case], tmp_path: Path, unit: Unit) -> None:
    config = run_config(cases, tmp_path, NOISY)
    store = prepare_slices(config.data, find_split_cases(config.data))
    targets = []
    for name, chosen in (("a.csv", "fraction"), ("b.csv", unit)):
        sizes_from_labels(config, tmp_path / name, unit=chosen)
        tabulated = SupervisionConfig(sizes=TableSizes(kind="table", path=tmp_path / name))
        targets.append(
            supervise(tabulated, store, store.rows(["case0"]), needs=frozenset({"size_target"}), seed=0).given[
                "size_target"
            ]
        )
    np.testing.assert_allclose(targets[0], targets[1], rtol=1e-5)


def test_the_noise_of_a_volume_is_that_of_a_run_on_volumes(cases: list[Case], tmp_path: Path) -> None:
    config = run_config(cases, tmp_path, NOISY)
    sizes_from_labels(config, tmp_path / "s.csv", level="volume", unit="ml", separator=";")
    store = prepare_slices(config.data, find_split_cases(config.data))
    drawn, read = (
        given_sizes(sizes, store, np.arange(len(store)), 0, "volume")
        for sizes in (NOISY.sizes, TableSizes(kind="table", path=tmp_path / "s.csv"))
    )
    np.testing.assert_allclose(read[:8], drawn[:8], rtol=1e-9)


def test_areas_of_whole_cases_are_refused(cases: list[Case], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'mm2' is the size on one slice"):
        sizes_from_labels(run_config(cases, tmp_path, NOISY), tmp_path / "s.csv", level="volume", unit="mm2")
