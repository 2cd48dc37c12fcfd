from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.batches import Batches, gather
from medsize.data.case import Case
from medsize.data.sources.acdc import ACDC_LABELS
from medsize.data.store import SliceStore, open_store
from medsize.errors import InputError

RNG = np.random.default_rng(0)
GIVEN = {
    "seeds": RNG.integers(0, 2, (18, 12, 12)).astype(np.uint8),
    "pseudo_label": RNG.integers(0, 2, (18, 12, 12)).astype(np.uint8),
    "size_target": RNG.random((18, 2), dtype=np.float32),
    "size_bounds": RNG.random((18, 2, 2), dtype=np.float32),
    "tags": RNG.random((18, 2)) < 0.5,
}
ROWS = np.array([7, 0, 17])


@pytest.fixture
def store(cases: list[Case], tmp_path: Path) -> SliceStore:
    return open_store(cases, ACDC_LABELS, ("lv",), PaperPreprocessing(size=12), tmp_path / "cache", workers=1)


def test_an_order_holds_every_unit_once_and_follows_from_seed_and_epoch() -> None:
    batches = Batches.of_slices(np.arange(5, 105), size=10)
    order = batches.order(seed=1, epoch=2)
    assert sorted(order) == list(range(100))
    np.testing.assert_array_equal(order, batches.order(seed=1, epoch=2))
    others = [batches.order(seed=seed, epoch=epoch) for seed, epoch in ((1, 3), (2, 2), (2, 1), (0, 0))]
    assert all((order != other).any() for other in others)


def rows_of_an_epoch(batches: Batches) -> list[list[list[int]]]:
    """The rows of each batch and process."""
    order = batches.order(seed=0, epoch=0)
    return [
        [batches.rows(order, batch, process).tolist() for process in range(batches.processes)]
        for batch in range(len(batches))
    ]


@pytest.mark.parametrize(
    ("size", "processes", "count", "each"), [(4, 1, 5, 4), (4, 3, 1, 4), (30, 1, 1, 22), (9, 4, 1, 5)]
)
def test_slices_are_divided_into_equal_batches_without_repetition(
    size: int, processes: int, count: int, each: int
) -> None:
    rows = np.arange(10, 32)
    epoch = rows_of_an_epoch(Batches.of_slices(rows, size=size, processes=processes))
    assert len(epoch) == count
    assert {len(part) for batch in epoch for part in batch} == {each}
    flat = [row for batch in epoch for part in batch for row in part]
    assert len(set(flat)) == len(flat)
    assert set(flat) <= set(rows.tolist())


@settings(max_examples=50)
@given(
    slices=st.lists(st.integers(1, 9), min_size=3, max_size=12), size=st.integers(1, 30), processes=st.integers(1, 3)
)
def test_a_case_is_never_parted_and_every_batch_has_as_many_cases(slices: list[int], size: int, processes: int) -> None:
    cases = [f"c{number}" for number, count in enumerate(slices) for _ in range(count)]
    rows = np.arange(100, 100 + len(cases))
    batches = Batches.of_cases(rows, cases, size=size, processes=processes)
    wanted = max(1, round(size / np.mean(slices)))
    assert batches.size == min(wanted, len(slices) // processes)
    seen: list[str] = []
    for part in (part for batch in rows_of_an_epoch(batches) for part in batch):
        names = [cases[row - 100] for row in part]
        assert len(set(names)) == batches.size
        assert len(part) == sum(slices[int(name[1:])] for name in set(names))
        seen += sorted(set(names))
    assert len(set(seen)) == len(seen) == len(batches) * batches.size * processes
    assert len(slices) - len(seen) < batches.size * processes


def test_fewer_cases_than_processes_are_refused() -> None:
    with pytest.raises(InputError, match="2 cases cannot be shared by 3 processes"):
        Batches.of_cases(np.arange(8), ["a"] * 4 + ["b"] * 4, size=4, processes=3)
    with pytest.raises(InputError, match="2 slices cannot be shared by 3 processes"):
        Batches.of_slices(np.arange(2), size=4, processes=3)


def test_slices_of_one_case_have_one_number(store: SliceStore) -> None:
    batch = gather(store, {}, np.array([7, 0, 17, 8, 1]), keys=("case",))
    numbers = batch.tensors["case"]
    assert numbers.dtype == torch.int64
    assert numbers.shape == (5,)
    same = np.equal.outer(batch.cases, batch.cases)
    np.testing.assert_array_equal((numbers[:, None] == numbers[None]).numpy(), same)


def test_a_batch_holds_the_rows_asked_for_and_their_cases(store: SliceStore) -> None:
    batch = gather(store, GIVEN, ROWS, keys=("seeds", "pseudo_label", "size_target", "size_bounds", "tags", "label"))
    assert batch.cases == ["patient002_frame01", "patient001_frame01", "patient003_frame12"]
    expected = {"image": store.images, "label": store.labels}
    expected |= GIVEN
    assert set(batch.tensors) == set(expected)
    for key, array in expected.items():
        np.testing.assert_array_equal(batch.tensors[key].numpy(), array[ROWS], err_msg=key)
    assert batch.tensors["image"].shape == (3, 1, 12, 12)
    assert batch.tensors["seeds"].dtype == batch.tensors["label"].dtype == torch.uint8
    assert batch.tensors["tags"].dtype == torch.bool


def test_a_batch_has_only_what_is_asked_for(store: SliceStore) -> None:
    assert set(gather(store, GIVEN, ROWS, keys=()).tensors) == {"image"}
    assert set(gather(store, GIVEN, ROWS, keys=frozenset({"tags"})).tensors) == {"image", "tags"}


def test_labels_are_never_opened_unless_asked_for(store: SliceStore) -> None:
    (store.path / "labels.npy").unlink()
    gather(store, GIVEN, ROWS, keys=("seeds", "size_target", "size_bounds", "tags"))
    with pytest.raises(FileNotFoundError):
        gather(store, GIVEN, ROWS, keys=("label",))


def test_a_batch_has_a_domain_only_where_there_is_padding(cases: list[Case], tmp_path: Path) -> None:
    padded = PhysicalPreprocessing(name="physical", size=24, spacing_mm=2.5)
    store = open_store(cases, ACDC_LABELS, ("lv",), padded, tmp_path / "cache")
    tensors = gather(store, {}, ROWS, keys=()).tensors
    assert set(tensors) == {"image", "domain"}
    assert tensors["domain"].dtype == torch.bool
    np.testing.assert_array_equal(tensors["domain"].numpy(), store.domain[ROWS])


def test_a_batch_is_a_copy(store: SliceStore) -> None:
    gather(store, GIVEN, ROWS, keys=()).tensors["image"].zero_()
    assert gather(store, GIVEN, ROWS, keys=()).tensors["image"].any()


@pytest.mark.parametrize("key", ["seeds", "sedes"])
def test_what_was_not_made_cannot_be_asked_for(store: SliceStore, key: str) -> None:
    with pytest.raises(ValueError, match=f"got '{key}'"):
        gather(store, {}, ROWS, keys=(key,))


def test_a_batch_of_cases_holds_the_fewest_asked_for_or_all_there_are() -> None:
    rows, cases = np.arange(60), [f"case{row // 10}" for row in range(60)]
    assert [len(Batches.of_cases(rows, cases, size=12, fewest=fewest)) for fewest in (1, 3, 4, 9)] == [6, 2, 1, 1]
    assert len(Batches.of_cases(rows, cases, size=30, fewest=2)) == 2
