from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medsize.config.supervision import ExactSizes, MeanSizes, NoisySizes, TableSizes
from medsize.data.case import Case
from medsize.data.store import SliceStore, open_store
from medsize.errors import InputError, InputErrors
from medsize.supervision.given_sizes import exact_fractions, given_sizes, table_estimates
from medsize.supervision.size_table import SizeEntry, write_size_table
from medsize.supervision.size_targets import exact_sizes, mean_sizes
from medsize.supervision.table_sizes import GivenTable

MakeStore = Callable[..., SliceStore]
TRAIN = np.arange(4)


@pytest.mark.parametrize("physical", [False, True])
def test_the_fractions_of_the_index_equal_the_sizes_of_the_labels(make_store: MakeStore, physical: bool) -> None:
    store = make_store(("rv", "lv"), physical=physical)
    exact = exact_fractions(store)
    for row in range(8):
        expected = exact_sizes(store.labels[row], 3, store.domain[row])
        np.testing.assert_allclose(exact[row], expected, rtol=0, atol=1e-15)
    assert np.isnan(exact[8:]).all(), "the third case has no label"


def test_rows_that_do_not_train_are_given_nothing(make_store: MakeStore) -> None:
    store = make_store()
    for sizes in (ExactSizes(), NoisySizes(kind="noisy", noise=0.1), MeanSizes(kind="mean")):
        given = given_sizes(sizes, store, TRAIN, seed=0)
        assert given.shape == (12, 2)
        assert not np.isnan(given[TRAIN]).any()
        assert np.isnan(given[4:]).all()


def test_exact_sizes_are_those_of_the_index(make_store: MakeStore) -> None:
    store = make_store()
    np.testing.assert_array_equal(given_sizes(ExactSizes(), store, TRAIN, 0)[TRAIN], exact_fractions(store)[TRAIN])


def test_the_mean_is_taken_over_the_training_rows(make_store: MakeStore) -> None:
    store = make_store()
    given = given_sizes(MeanSizes(kind="mean"), store, TRAIN, 0)
    np.testing.assert_array_equal(given[TRAIN], mean_sizes(exact_fractions(store)[TRAIN]))
    assert given[1, 1] == given[2, 1] > 0
    assert given[0].tolist() == given[3].tolist() == [1, 0]


def test_noise_depends_on_the_seed_and_the_case_not_on_the_other_cases(
    make_store: MakeStore, cases: list[Case], tmp_path: Path
) -> None:
    config = NoisySizes(kind="noisy", noise=0.1)
    store = make_store()
    given = given_sizes(config, store, np.arange(8), seed=3)
    np.testing.assert_array_equal(given[TRAIN], given_sizes(config, store, TRAIN, seed=3)[TRAIN])
    assert (given[1:3, 1] != given_sizes(config, store, TRAIN, seed=4)[1:3, 1]).all()

    recipe = ({"rv": 1, "myo": 2, "lv": 3}, ("lv",))
    from medsize.config.data import PaperPreprocessing

    alone = open_store(cases[1:2], *recipe, PaperPreprocessing(size=24), tmp_path / "other", workers=1)
    np.testing.assert_array_equal(given[4:8], given_sizes(config, alone, np.arange(4), seed=3))


def test_noise_on_the_foreground_is_passed_on(make_store: MakeStore) -> None:
    store = make_store(("rv", "lv"))
    both = [
        given_sizes(NoisySizes(kind="noisy", noise=0.1, noise_on=on), store, TRAIN, 0) for on in ("all", "foreground")
    ]
    assert not np.allclose(both[0][TRAIN], both[1][TRAIN])
    odds = both[1][1:3, 1:] / both[1][1:3, :1] / (exact_fractions(store)[1:3, 1:] / exact_fractions(store)[1:3, :1])
    all_odds = both[0][1:3, 1:] / both[0][1:3, :1] / (exact_fractions(store)[1:3, 1:] / exact_fractions(store)[1:3, :1])
    assert (abs(odds - 1) < 1).all()
    assert not np.allclose(odds, all_odds), "the background's own noise is left out"


def test_a_table_gives_the_sizes_that_it_names(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    path = tmp_path / "sizes.csv"
    rows = [("case0", 1, 0.4), ("case2", 1, 0.1)]
    write_size_table(path, [SizeEntry(0, case, z, "lv", value, None, None, "fraction") for case, z, value in rows])
    given = given_sizes(TableSizes(kind="table", path=path), store, np.r_[TRAIN, 8:12], seed=0)
    np.testing.assert_allclose(given[[1, 9]], [[0.6, 0.4], [0.9, 0.1]])
    assert np.isnan(given).all(1).sum() == 10


def test_a_table_without_any_training_slice_is_an_error(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("case,slice,structure,value,unit\ncase1,0,lv,0.1,fraction\n")
    with pytest.raises(InputError, match=r"gives no training slice a size\n.*sizes of 1 slices"):
        given_sizes(TableSizes(kind="table", path=path), make_store(), TRAIN, seed=0)


def volume_of(store: SliceStore, rows: range) -> np.ndarray:
    """The fractions of all pixels of some slices, counted on the labels."""
    return exact_sizes(store.labels[rows], store.classes, store.domain[rows])


@pytest.mark.parametrize("physical", [False, True])
def test_exact_volumes_are_those_of_the_labels(make_store: MakeStore, physical: bool) -> None:
    store = make_store(("rv", "lv"), physical=physical)
    exact = exact_fractions(store, "volume")
    for rows in (range(4), range(4, 8)):
        np.testing.assert_allclose(exact[rows], [volume_of(store, rows)] * 4, rtol=0, atol=1e-15)
    assert np.isnan(exact[8:]).all()


def test_the_noise_of_a_volume_is_drawn_once(make_store: MakeStore) -> None:
    store, config = make_store(("rv", "lv")), NoisySizes(kind="noisy", noise=0.1)
    given = given_sizes(config, store, np.arange(8), 3, "volume")
    for rows in (range(4), range(4, 8)):
        assert (given[rows] == given[rows[0]]).all()
        assert (given[rows[0]] != volume_of(store, rows)).all()
        assert given[rows[0]].sum() == pytest.approx(1)
    np.testing.assert_array_equal(given_sizes(config, store, TRAIN, 3, "volume")[TRAIN], given[TRAIN])
    assert np.isnan(given_sizes(config, store, TRAIN, 3, "volume")[4:]).all()


def test_the_mean_volume_is_taken_over_cases(make_store: MakeStore) -> None:
    store = make_store()
    given = given_sizes(MeanSizes(kind="mean"), store, np.arange(8), 0, "volume")
    mean = (volume_of(store, range(4)) + volume_of(store, range(4, 8))) / 2
    np.testing.assert_allclose(given[:8], [mean] * 8)


def rows_of(case: str, structure: str, *values: float) -> str:
    return "".join(f"{case},{number},{structure},{value},fraction\n" for number, value in enumerate(values))


def table(folder: Path, *rows: str) -> TableSizes:
    path = folder / "sizes.csv"
    path.write_text("case,slice,structure,value,unit\n" + "".join(rows))
    return TableSizes(kind="table", path=path)


def test_a_table_of_all_slices_adds_up_to_the_volume_and_of_no_slice_leaves_it_unknown(
    make_store: MakeStore, tmp_path: Path
) -> None:
    store = make_store(("rv", "lv"))
    config = table(
        tmp_path,
        rows_of("case0", "rv", 0.1, 0.2, 0.3, 0.2),
        rows_of("case0", "lv", 0, 0.1, 0.2, 0.1),
        rows_of("case1", "lv", 0.1, 0.1, 0.1, 0.5),
    )
    given = given_sizes(config, store, np.arange(12), 0, "volume")
    np.testing.assert_allclose(given[:4], [[0.7, 0.2, 0.1]] * 4)
    np.testing.assert_allclose(given[4:8], [[np.nan, np.nan, 0.2]] * 4)
    assert np.isnan(given[8:]).all()


def test_a_table_of_some_slices_gives_no_volume_and_says_which_are_missing(
    make_store: MakeStore, tmp_path: Path
) -> None:
    config = table(tmp_path, rows_of("case0", "lv", 0.1, 0.2), "case1,2,lv,0.1,fraction\n")
    with pytest.raises(InputErrors) as caught:
        given_sizes(config, make_store(), np.arange(8), 0, "volume")
    message = str(caught.value)
    assert "lv of case case0 has a size on some slices only" in message
    assert "none on slice 2, 3" in message
    assert "none on slice 0, 1, 3" in message
    assert "supervision.level is 'volume'" in message


def test_a_mixed_table_may_leave_the_slices_of_training_cases_open(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("case,slice,structure,value,unit\ncase0,,lv,5,percent\ncase1,1,lv,5,percent\n")
    store = make_store()
    given = GivenTable.read(path, store)
    assert np.isnan(table_estimates(given, store, TRAIN, "slice").value).all()
    np.testing.assert_allclose(table_estimates(given, store, TRAIN, "volume").value[TRAIN, 1], 0.05)
    with pytest.raises(InputError, match=r"gives no training case a size\n.*sizes of 2 slices and cases"):
        table_estimates(given, store, np.arange(8, 12), "volume")
