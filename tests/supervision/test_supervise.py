from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medsize.config.data import PaperPreprocessing
from medsize.config.level import Level
from medsize.config.supervision import (
    CommonBounds,
    IndividualBounds,
    MeanSizes,
    NoisySizes,
    ScribbleSeeds,
    SupervisionConfig,
    TableSizes,
)
from medsize.data.case import Case
from medsize.data.store import SliceStore, open_store
from medsize.supervision import Supervision, supervise
from medsize.supervision.given_sizes import exact_fractions, given_sizes
from tests.supervision.conftest import LABELS, write_nifti
from tests.supervision.test_scribbles import scribble

MakeStore = Callable[..., SliceStore]
TRAIN = np.arange(4)
NOISY = SupervisionConfig(sizes=NoisySizes(kind="noisy", noise=0.08))


@pytest.mark.parametrize("needs", [(), ("label",), ("seeds",), ("size_target",), ("size_bounds", "seeds"), ("tags",)])
def test_only_what_is_needed_is_made(make_store: MakeStore, needs: tuple[str, ...]) -> None:
    supervision = supervise(SupervisionConfig(), make_store(), TRAIN, needs=frozenset(needs), seed=0)
    assert set(supervision.given) == set(needs) - {"label"}
    assert (supervision.seed_pixels is not None) == ("seeds" in needs)
    assert supervision.table.empty == (not set(needs) & {"size_target", "size_bounds", "tags"})


def test_pseudo_labels_bring_their_seeds_and_the_table_of_their_sizes(make_store: MakeStore) -> None:
    supervision = supervise(NOISY, make_store(), TRAIN, needs=frozenset({"pseudo_label"}), seed=0)
    assert set(supervision.given) == {"pseudo_label", "seeds"}
    assert supervision.seed_pixels is not None
    assert supervision.pseudo_labels is not None
    assert not supervision.table.empty
    assert supervision.nominal_noise == 0.08


@pytest.mark.parametrize("level", ["slice", "volume"])
def test_sizes_never_read_a_label(make_store: MakeStore, level: Level) -> None:
    store = make_store()
    (store.path / "labels.npy").unlink()
    needs = frozenset({"size_target", "size_bounds", "tags"})
    config = SupervisionConfig(sizes=NOISY.sizes, level=level)
    assert set(supervise(config, store, TRAIN, needs=needs, seed=0).given) == needs


def test_everything_follows_from_the_given_sizes(make_store: MakeStore) -> None:
    store = make_store(("rv", "lv"))
    config = SupervisionConfig(sizes=NOISY.sizes, bounds=IndividualBounds(kind="individual", tolerance=0.2))
    needs = frozenset({"seeds", "size_target", "size_bounds", "tags"})
    supervision = supervise(config, store, TRAIN, needs=needs, seed=5)
    sizes = given_sizes(config.sizes, store, TRAIN, 5)
    assert supervision.given["size_target"].dtype == np.float32
    np.testing.assert_allclose(supervision.given["size_target"], sizes, rtol=1e-6)
    assert supervision.given["size_bounds"].dtype == np.float32
    np.testing.assert_allclose(supervision.given["size_bounds"][:, 1:, 0], 0.8 * sizes[:, 1:], rtol=1e-6)
    assert supervision.given["tags"][TRAIN].tolist() == [
        [True, False, False],
        [True] * 3,
        [True] * 3,
        [True, True, False],
    ]
    assert not supervision.given["tags"][4:].any()


def test_common_bounds_are_those_of_the_configuration(make_store: MakeStore) -> None:
    config = SupervisionConfig(bounds=CommonBounds(lower=0.1, upper=0.3))
    bounds = supervise(config, make_store(), TRAIN, needs=frozenset({"size_bounds"}), seed=0).given["size_bounds"]
    np.testing.assert_allclose(bounds[1], [[0.7, 0.9], [0.1, 0.3]])
    assert bounds[0].tolist() == [[1, 1], [0, 0]]
    assert np.isnan(bounds[4:]).all()


def test_the_table_tells_exact_and_given_sizes_of_the_training_slices(make_store: MakeStore) -> None:
    store = make_store(("rv", "lv"))
    table = supervise(NOISY, store, TRAIN, needs=frozenset({"size_target"}), seed=0).table
    assert table.columns.tolist() == ["case", "slice", "structure", "exact_fraction", "given_fraction"]
    assert table["structure"].tolist() == ["background", "rv", "lv"] * 4
    assert table["case"].unique().tolist() == ["case0"]
    assert table["slice"].tolist() == np.repeat(range(4), 3).tolist()
    exact = table["exact_fraction"].to_numpy().reshape(4, 3)
    np.testing.assert_array_equal(exact, exact_fractions(store)[TRAIN])
    given = table["given_fraction"].to_numpy().reshape(4, 3)
    np.testing.assert_array_equal(given, given_sizes(NOISY.sizes, store, TRAIN, 0)[TRAIN])


def test_measured_noise_is_reported_beside_the_nominal_one(make_store: MakeStore) -> None:
    store = make_store(("rv", "lv"))
    supervision = supervise(NOISY, store, np.arange(8), needs=frozenset({"size_target"}), seed=0)
    assert supervision.nominal_noise == 0.08
    measured = supervision.measured_noise
    assert measured is not None
    assert list(measured) == ["background", "rv", "lv", "foreground"]
    table = supervision.table[supervision.table["exact_fraction"] > 0]
    error = (table["given_fraction"] - table["exact_fraction"]).abs() / table["exact_fraction"]
    by_structure = error.groupby(table["structure"]).mean()
    for name, value in by_structure.items():
        assert measured[str(name)] == pytest.approx(value)
    assert measured["foreground"] == pytest.approx(error[table["structure"] != "background"].mean())


def test_one_mean_size_has_measured_noise_and_no_nominal_one(make_store: MakeStore) -> None:
    config = SupervisionConfig(sizes=MeanSizes(kind="mean"))
    supervision = supervise(config, make_store(), np.arange(8), needs=frozenset({"size_target"}), seed=0)
    assert supervision.nominal_noise is None
    assert supervision.measured_noise is not None
    assert supervision.measured_noise["lv"] > 0


def test_exact_sizes_measure_no_noise(make_store: MakeStore) -> None:
    supervision = supervise(SupervisionConfig(), make_store(), TRAIN, needs=frozenset({"tags"}), seed=0)
    assert supervision.measured_noise == {"background": 0.0, "lv": 0.0, "foreground": 0.0}


def test_a_case_without_label_trains_on_scribbles_and_a_table(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    (store.path / "labels.npy").unlink()
    (tmp_path / "sizes.csv").write_text("case,slice,structure,value,unit\ncase2,1,lv,0.2,fraction\n")
    write_nifti(tmp_path / "case2_scribble.nii.gz", scribble())
    config = SupervisionConfig(
        seeds=ScribbleSeeds(kind="scribble", folder=tmp_path),
        sizes=TableSizes(kind="table", path=tmp_path / "sizes.csv"),
    )
    needs = frozenset({"seeds", "pseudo_label", "size_target", "size_bounds", "tags"})
    supervision = supervise(config, store, np.arange(8, 12), needs=needs, seed=0, labels=LABELS)
    assert set(supervision.given) == needs
    assert supervision.measured_noise is None
    np.testing.assert_allclose(supervision.given["size_target"][9], [0.8, 0.2])
    assert np.isnan(np.delete(supervision.given["size_target"], 9, axis=0)).all()
    assert supervision.seed_pixels == {"slices": 4, "slices_with_seeds": 2, "mean": 10.0, "median": 10.0}
    assert pd.isna(supervision.table["exact_fraction"]).all()
    assert supervision.table["given_fraction"].notna().sum() == 2


@pytest.mark.real_data
def test_expert_scribbles_of_acdc_lie_on_the_structures_they_name(real_data: Path, tmp_path: Path) -> None:
    patient = real_data / "acdc" / "training" / "patient001"
    case = Case("patient001_frame01", "patient001", patient / "patient001_frame01.nii.gz")
    case = replace(case, label=patient / "patient001_frame01_gt.nii.gz")
    store = open_store([case], LABELS, ("rv", "myo", "lv"), PaperPreprocessing(), tmp_path, workers=1)
    config = SupervisionConfig(seeds=ScribbleSeeds(kind="scribble", folder=real_data / "acdc_scribbles"))
    rows = np.arange(len(store))
    seeds = supervise(config, store, rows, needs=frozenset({"seeds"}), seed=0, labels=LABELS).given["seeds"]
    drawn = seeds != 255
    assert 0.005 < drawn.mean() < 0.03, "1.1 % of the pixels are drawn on"
    agreement = [(store.labels[drawn & (seeds == k)] == k).mean() for k in range(4)]
    assert min(agreement) > 0.9


def test_at_the_level_of_volumes_all_rows_of_a_case_agree_and_the_table_has_one_row_a_case(
    make_store: MakeStore,
) -> None:
    store = make_store(("rv", "lv"))
    config = SupervisionConfig(sizes=NOISY.sizes, level="volume")
    needs = frozenset({"size_target", "size_bounds", "tags", "case"})
    supervision = supervise(config, store, np.arange(8), needs=needs, seed=0)
    for array in (supervision.given["size_target"], supervision.given["size_bounds"], supervision.given["tags"]):
        assert array is not None
        assert (array[:4] == array[0]).all()
        assert (array[4:8] == array[4]).all()
    table = supervision.table
    assert table["case"].tolist() == ["case0"] * 3 + ["case1"] * 3
    assert table["slice"].isna().all()
    assert "case1,,rv," in table.to_csv(index=False)
    np.testing.assert_array_equal(table["exact_fraction"][3:], exact_fractions(store, "volume")[4])
    given = given_sizes(NOISY.sizes, store, np.arange(8), 0, "volume")
    np.testing.assert_array_equal(table["given_fraction"][3:], given[4])
    error = ((table["given_fraction"] - table["exact_fraction"]).abs() / table["exact_fraction"]).to_numpy()
    assert supervision.measured_noise is not None
    assert supervision.measured_noise["lv"] == pytest.approx(error[[2, 5]].mean())


def test_a_structure_without_size_is_unknown_in_targets_bounds_tags_and_table(
    make_store: MakeStore, tmp_path: Path
) -> None:
    (tmp_path / "sizes.csv").write_text("case,slice,structure,value,unit\ncase0,1,lv,0.02,fraction\n")
    config = SupervisionConfig(sizes=TableSizes(kind="table", path=tmp_path / "sizes.csv"))
    needs = frozenset({"size_target", "size_bounds", "tags"})
    supervision = supervise(config, make_store(("rv", "lv")), TRAIN, needs=needs, seed=0)
    np.testing.assert_allclose(supervision.given["size_target"][1], [np.nan, np.nan, 0.02])
    assert np.isnan(supervision.given["size_bounds"][1, :2]).all()
    np.testing.assert_allclose(supervision.given["size_bounds"][1, 2], [60 / 65536, 2000 / 65536])
    assert not supervision.given["tags"].any()
    given = supervision.table.set_index(["slice", "structure"])["given_fraction"]
    assert given[1, "lv"] == 0.02
    assert given.notna().sum() == 1
    assert supervision.measured_noise is not None
    assert set(supervision.measured_noise) == {"lv", "foreground"}


def given_only(**given: np.ndarray) -> Supervision:
    return Supervision(given, pd.DataFrame())


def test_mean_sizes_are_those_of_the_targets_or_else_of_the_middle_of_the_bounds() -> None:
    nan = np.nan
    targets = np.array([[nan, nan, nan], [nan, 0.2, 0.1], [0.9, 0.0, nan], [nan, 0.1, 0.2]])
    assert given_only(size_target=targets).mean_sizes() == pytest.approx([0.75, 0.1, 0.15])
    bounds = np.array([[[nan, nan], [0.0, 0.2]], [[nan, nan], [nan, nan]], [[nan, nan], [0.2, 0.4]]])
    assert given_only(size_bounds=bounds).mean_sizes() == pytest.approx([0.8, 0.2])
    assert given_only(size_target=targets, size_bounds=bounds[:, [0, 1, 1]]).mean_sizes() == pytest.approx(
        [0.75, 0.1, 0.15]
    )


def test_mean_sizes_are_none_where_a_structure_has_none_and_never_zero() -> None:
    assert given_only().mean_sizes() is None
    assert given_only(size_target=np.array([[0.9, 0.1, np.nan]])).mean_sizes() is None
    assert given_only(size_target=np.array([[1.0, 0.0]])).mean_sizes() == pytest.approx([0.9999, 1e-4])
    assert given_only(size_target=np.array([[0.0, 1.0]])).mean_sizes() == pytest.approx([1e-4, 1.0])
