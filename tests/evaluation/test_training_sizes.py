import numpy as np
import pandas as pd
import pytest

from medsize.config.loading import load_resolved
from medsize.data.prepare import find_split_cases, of_split, prepare_slices
from medsize.errors import InputError
from medsize.evaluation.training_sizes import (
    TaughtSlices,
    choose_taught,
    compare_training_sizes,
    given_estimates,
    middle_rows,
    predict_rows,
    rows_of_items,
    sample_evenly,
    sample_training,
)
from medsize.inference.load import Predictor
from medsize.run.size_targets import read_size_targets
from tests.conftest import tiny_run_config
from tests.evaluation.fabricated import fabricate_run


@pytest.fixture(scope="module")
def trained(evaluated_all):
    """The run's predictor, store and training rows."""
    config = load_resolved(evaluated_all.config)
    found = find_split_cases(config.data)
    store = prepare_slices(config.data, found)
    return (
        Predictor.load(evaluated_all, "last", "cpu"),
        store,
        store.rows(case.id for case in of_split(found.cases, "train")),
    )


@pytest.fixture(scope="module")
def sizes(trained, evaluated_all):
    return compare_training_sizes(*trained, read_size_targets(evaluated_all))


def test_a_predicted_size_is_the_share_of_pixels_of_the_class(trained, sizes):
    predictor, store, rows = trained
    labels = predict_rows(predictor, store, rows)
    expected = [[(label == k).mean() for k in range(4)] for label in labels]
    np.testing.assert_allclose(sizes["predicted_fraction"], np.ravel(expected))
    assert sizes["structure"].to_list()[:4] == ["background", "rv", "myo", "lv"]


def test_exact_sizes_are_those_of_the_labels(trained, sizes):
    _, store, rows = trained
    expected = [[(label == k).mean() for k in range(4)] for label in store.labels[rows]]
    np.testing.assert_allclose(sizes["exact_fraction"], np.ravel(expected))


def test_given_sizes_are_those_of_the_run(trained, sizes, evaluated_all):
    targets = read_size_targets(evaluated_all).set_index(["case", "slice", "structure"])["given_fraction"]
    keys = pd.MultiIndex.from_frame(sizes[["case", "slice", "structure"]])
    np.testing.assert_array_equal(sizes["given_fraction"], targets.loc[keys])


def test_padding_does_not_count(intensity_network, tiny_acdc, tiny_cache, tmp_path):
    preprocessing = "data.preprocessing={name: physical, size: 48, spacing_mm: 1.5}"
    config = tiny_run_config(tiny_acdc, tiny_cache, preprocessing)
    run = fabricate_run(tmp_path / "run", config)
    store = prepare_slices(config.data, find_split_cases(config.data))
    predictor = Predictor.load(run, "last", "cpu")
    rows = np.array([3, 10])
    sizes = compare_training_sizes(predictor, store, rows, read_size_targets(run))
    lv = sizes[sizes["structure"] == "lv"]
    counts = (predict_rows(predictor, store, rows) == 1).sum((1, 2))
    assert store.padded
    np.testing.assert_allclose(lv["predicted_fraction"], counts / 32**2)


def test_slices_without_a_given_size_stay_unknown(trained, evaluated_all):
    predictor, store, rows = trained
    nothing = read_size_targets(evaluated_all)[:0]
    sizes = compare_training_sizes(predictor, store, rows[:2], nothing)
    assert sizes["given_fraction"].isna().all()
    assert len(sizes) == 8


def test_sizes_of_volumes_are_those_of_all_slices_of_a_case(intensity_network, tiny_acdc, tiny_cache, tmp_path):
    config = tiny_run_config(
        tiny_acdc, tiny_cache, "supervision={level: volume, sizes: {kind: noisy, noise: 0.1}}", "data.structures=[all]"
    )
    run = fabricate_run(tmp_path / "run", config)
    found = find_split_cases(config.data)
    store = prepare_slices(config.data, found)
    rows = store.rows(case.id for case in of_split(found.cases, "train"))
    predictor, targets = Predictor.load(run, "last", "cpu"), read_size_targets(run)
    sizes = compare_training_sizes(predictor, store, rows, targets, "volume")
    assert sizes["slice"].isna().all()
    assert sizes["case"].to_list() == targets["case"].to_list()
    for column in ("exact_fraction", "given_fraction"):
        np.testing.assert_allclose(sizes[column], targets[column])
    labels = predict_rows(predictor, store, rows).reshape(-1, 3 * 32 * 32)
    expected = [[(label == k).mean() for k in range(4)] for label in labels]
    np.testing.assert_allclose(sizes["predicted_fraction"], np.ravel(expected))
    assert middle_rows(store, rows).tolist() == rows[1::3].tolist()
    partial = targets.assign(given_fraction=targets["given_fraction"].where(targets["structure"] == "lv"))
    given = compare_training_sizes(predictor, store, rows[:6], partial, "volume")["given_fraction"]
    assert given.notna().tolist() == [False, False, False, True] * 2


def test_a_sample_of_volumes_has_whole_cases(trained, monkeypatch):
    _, store, rows = trained
    monkeypatch.setattr("medsize.evaluation.training_sizes.MOST_SLICES", 10)
    np.testing.assert_array_equal(sample_training(store, rows, "slice"), sample_evenly(rows, 10))
    sample = sample_training(store, rows, "volume")
    assert len(sample) == 9
    assert store.index["slice"].iloc[sample].to_list() == [0, 1, 2] * 3


def test_a_sample_is_even_and_keeps_both_ends():
    rows = np.arange(100, 200)
    np.testing.assert_array_equal(sample_evenly(rows, 100), rows)
    sample = sample_evenly(rows, 10)
    np.testing.assert_array_equal(sample, np.linspace(100, 199, 10))


def table(sizes, kind="given_fraction"):
    frame = pd.DataFrame(
        {
            "case": "c",
            "slice": np.repeat(np.arange(len(sizes)), 2),
            "structure": ["background", "lv"] * len(sizes),
            "exact_fraction": np.nan,
            "given_fraction": np.nan,
        }
    )
    return frame.assign(**{kind: np.ravel([[1 - size, size] for size in sizes])})


def test_taught_slices_go_from_small_to_large_and_hold_a_structure():
    rows = np.array([50, 51, 52, 53, 54])
    np.testing.assert_array_equal(choose_taught(rows, table([0.3, 0, 0.1, 0.4, 0.2]), 2), [54, 53])
    np.testing.assert_array_equal(choose_taught(rows, table([0.3, 0, 0.1, 0.4, 0.2]), 9), [52, 54, 50, 53])


def test_exact_sizes_choose_where_none_was_given():
    sizes = table([0.3, 0, 0.1], "exact_fraction")
    np.testing.assert_array_equal(choose_taught(np.array([7, 8, 9]), sizes, 5), [9, 7])


def test_a_slice_with_some_sizes_unknown_is_chosen_by_those_that_are_known():
    sizes = pd.concat([table([0.3, 0.1, np.nan]), table([0.1, np.nan, np.nan]).assign(structure="rv")])
    sizes = sizes[sizes["structure"] != "background"].sort_values("slice", kind="stable")
    np.testing.assert_array_equal(choose_taught(np.array([7, 8, 9]), sizes, 5), [8, 7])


def test_without_any_size_slices_are_chosen_evenly():
    sizes = table([np.nan] * 4)
    np.testing.assert_array_equal(choose_taught(np.arange(4), sizes, 2), [1, 3])


@pytest.mark.parametrize("many", [False, True])
def test_given_sizes_are_read_from_the_table_as_they_were_given(trained, many, monkeypatch):
    _, store, rows = trained
    case = store.index["case"].iloc[rows[0]]
    monkeypatch.setattr("medsize.evaluation.training_sizes.MANY", 0 if many else 8)
    targets = pd.DataFrame(
        {
            "case": case,
            "slice": pd.array([1, 1, pd.NA], dtype="Int64"),
            "structure": ["background", store.structures[0], store.structures[0]],
            "given_fraction": [0.9, np.nan, 0.1],
            "low_fraction": [np.nan, 0.2, np.nan],
            "high_fraction": [np.nan, 0.3, np.nan],
        }
    )
    found = given_estimates(store, targets)
    of_case = store.rows([case])
    slices, volumes = found["slice"], found["volume"]
    assert [slices.low[of_case[1], 1], slices.high[of_case[1], 1]] == [0.2, 0.3]
    assert np.isnan(slices.value[of_case[0]]).all()
    assert (volumes.value[of_case, 1] == 0.1).all()
    others = slices.value[of_case[1], 2:]
    assert ((others == 0) if many else np.isnan(others)).all()
    assert list(given_estimates(store, targets[:2])) == ["slice"]


def test_taught_slices_are_read_back(trained, tmp_path):
    predictor, store, rows = trained
    seeds = np.full((len(store), 32, 32), 255, np.uint8)
    seeds[rows[1], 3, 4] = 2
    taught = TaughtSlices.collect(predictor, store, rows[:2], seeds)
    taught.write(tmp_path / "taught.npz")
    again = TaughtSlices.read(tmp_path / "taught.npz")
    for name in TaughtSlices.__slots__:
        np.testing.assert_array_equal(getattr(again, name), getattr(taught, name))
    assert again.case.tolist() == store.index["case"].iloc[rows[:2]].to_list()
    assert again.slice.tolist() == [0, 1]
    np.testing.assert_array_equal(again.image, (store.images[rows[:2]][:, 0] * 255).round())
    np.testing.assert_array_equal(np.argwhere(again.seeds < 255), [[1, 3, 4]])
    np.testing.assert_array_equal(again.predicted, predict_rows(predictor, store, rows[:2]))
    np.testing.assert_allclose(again.pixel_mm, 1.5)


def test_missing_or_damaged_taught_slices_say_to_evaluate(trained, tmp_path):
    predictor, store, rows = trained
    path = tmp_path / "taught.npz"
    with pytest.raises(InputError, match=r"taught\.npz cannot be read(.|\n)*medsize evaluate"):
        TaughtSlices.read(path)
    TaughtSlices.collect(predictor, store, rows[:1], None).write(path)
    whole = path.read_bytes()
    garbled = bytearray(whole)
    garbled[len(whole) // 2 :: 7] = bytes(len(garbled[len(whole) // 2 :: 7]))
    for damage in (b"", b"no archive", whole[: len(whole) // 2], bytes(garbled)):
        path.write_bytes(damage)
        with pytest.raises(InputError, match=r"taught\.npz cannot be read"):
            TaughtSlices.read(path)


def test_slices_of_a_run_without_seeds_have_none(trained):
    predictor, store, rows = trained
    assert (TaughtSlices.collect(predictor, store, rows[:1], None).seeds == 255).all()


def test_a_whole_case_is_shown_by_the_slice_with_most_of_the_structure(trained):
    _, store, rows = trained
    case = store.index["case"][rows[0]]
    index = store.rows([case])
    items = pd.DataFrame(
        {"case": [case, case], "slice": pd.array([pd.NA, 1], "Int64"), "structure": store.structures[1]}
    )
    assert rows_of_items(store, items).tolist() == [index[len(index) // 2], index[1]]
    seen = np.zeros((len(store), store.classes))
    seen[index[-1], 2], seen[index[0], 1] = 0.1, 0.2
    assert rows_of_items(store, items, seen).tolist() == [index[-1], index[1]]
    unseen = np.full_like(seen, np.nan)
    assert rows_of_items(store, items, unseen)[0] == index[len(index) // 2]
