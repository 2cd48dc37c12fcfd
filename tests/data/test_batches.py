from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
import torch

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.batches import epoch_order, gather
from medsize.data.case import Case
from medsize.data.sources import ACDC_LABELS
from medsize.data.store import SliceStore, open_store


@dataclass(frozen=True)
class Supervision:
    seeds: np.ndarray | None = None
    size_target: np.ndarray | None = None
    size_bounds: np.ndarray | None = None
    tags: np.ndarray | None = None


RNG = np.random.default_rng(0)
GIVEN = Supervision(
    seeds=RNG.integers(0, 2, (18, 12, 12)).astype(np.uint8),
    size_target=RNG.random((18, 2), dtype=np.float32),
    size_bounds=RNG.random((18, 2, 2), dtype=np.float32),
    tags=RNG.random((18, 2)) < 0.5,
)
ROWS = np.array([7, 0, 17])


@pytest.fixture
def store(cases: list[Case], tmp_path: Path) -> SliceStore:
    return open_store(cases, ACDC_LABELS, ("lv",), PaperPreprocessing(size=12), tmp_path / "cache", workers=1)


def test_an_order_holds_every_row_once_and_follows_from_seed_and_epoch() -> None:
    rows = np.arange(5, 105)
    order = epoch_order(rows, seed=1, epoch=2)
    assert sorted(order) == rows.tolist()
    np.testing.assert_array_equal(order, epoch_order(rows, seed=1, epoch=2))
    others = [epoch_order(rows, seed=seed, epoch=epoch) for seed, epoch in ((1, 3), (2, 2), (2, 1), (0, 0))]
    assert all((order != other).any() for other in others)
    assert rows.tolist() == list(range(5, 105))


def test_a_batch_holds_the_rows_asked_for_and_their_cases(store: SliceStore) -> None:
    batch = gather(store, GIVEN, ROWS, keys=("seeds", "size_target", "size_bounds", "tags", "label"))
    assert batch.cases == ["patient002_frame01", "patient001_frame01", "patient003_frame12"]
    expected = {"image": store.images, "label": store.labels}
    expected |= {field.name: getattr(GIVEN, field.name) for field in fields(GIVEN)}
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
    tensors = gather(store, Supervision(), ROWS, keys=()).tensors
    assert set(tensors) == {"image", "domain"}
    assert tensors["domain"].dtype == torch.bool
    np.testing.assert_array_equal(tensors["domain"].numpy(), store.domain[ROWS])


def test_a_batch_is_a_copy(store: SliceStore) -> None:
    gather(store, GIVEN, ROWS, keys=()).tensors["image"].zero_()
    assert gather(store, GIVEN, ROWS, keys=()).tensors["image"].any()


@pytest.mark.parametrize("key", ["seeds", "sedes"])
def test_what_was_not_made_cannot_be_asked_for(store: SliceStore, key: str) -> None:
    with pytest.raises(ValueError, match=f"got '{key}'"):
        gather(store, Supervision(), ROWS, keys=(key,))
