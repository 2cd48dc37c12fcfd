"""Cues come back from their files as they were written, onto the right slices, or say why not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsize.config.supervision import CueSeeds
from medsize.data.prepare import find_split_cases, prepare_slices
from medsize.data.store import SliceStore
from medsize.errors import InputError
from medsize.supervision.cue_files import cue_path, read_cue_seeds, write_cue_file
from medsize.supervision.stored_seeds import stored_seeds
from tests.conftest import tiny_run_config
from tests.fuzzing import fuzz


@pytest.fixture
def store(tiny_acdc: Path, tiny_cache: Path) -> SliceStore:
    data = tiny_run_config(tiny_acdc, tiny_cache).data
    return prepare_slices(data, find_split_cases(data))


def write(folder: Path, store: SliceStore, case: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cues = rng.choice(np.array([0, 1, 255], np.uint8), (3, 32, 32))
    write_cue_file(cue_path(folder, case), cues, store.structures)
    return cues


def read(folder: Path, store: SliceStore, rows: np.ndarray) -> np.ndarray:
    return np.asarray(stored_seeds(CueSeeds(kind="cues", folder=folder), store, rows, 0, None))


def test_cues_become_the_seeds_of_their_slices_and_nothing_elsewhere(store: SliceStore, tmp_path: Path):
    cases = ["patient002_frame09", "patient001_frame01"]
    written = [write(tmp_path, store, case, seed) for seed, case in enumerate(cases)]
    rows = store.rows(cases)
    seeds = read(tmp_path, store, rows)
    np.testing.assert_array_equal(seeds[rows], np.concatenate(written))
    others = np.setdiff1d(np.arange(len(store)), rows)
    assert (seeds[others] == 255).all()


def test_files_that_changed_are_read_again(store: SliceStore, tmp_path: Path):
    case, seeds = "patient001_frame01", []
    for seed in (0, 1):
        write(tmp_path, store, case, seed)
        seeds.append(read(tmp_path, store, store.rows([case])))
    assert (seeds[0] != seeds[1]).any()


def test_missing_cues_are_counted_and_named(store: SliceStore, tmp_path: Path):
    write(tmp_path, store, "patient001_frame01", 0)
    with pytest.raises(InputError, match=r"1 of 2 training cases have no cues(?s:.)*no patient002_frame01\.npz"):
        read(tmp_path, store, store.rows(["patient001_frame01", "patient002_frame01"]))
    with pytest.raises(InputError, match="no such folder"):
        read(tmp_path / "none", store, store.rows(["patient001_frame01"]))


@pytest.mark.parametrize(
    ("cues", "structures"),
    [
        (np.zeros((3, 32, 32), np.uint8), ["rv"]),
        (np.zeros((2, 32, 32), np.uint8), ["lv"]),
        (np.zeros((3, 16, 16), np.uint8), ["lv"]),
        (np.zeros((3, 32, 32), np.int64), ["lv"]),
    ],
)
def test_cues_of_another_run_are_refused(store: SliceStore, tmp_path: Path, cues: np.ndarray, structures: list[str]):
    write_cue_file(cue_path(tmp_path, "patient001_frame01"), cues, structures)
    with pytest.raises(InputError, match=r"does not fit this run(?s:.)*cues of lv on 3 slices of 32 × 32 pixels"):
        read(tmp_path, store, store.rows(["patient001_frame01"]))


def test_every_damaged_file_is_listed(store: SliceStore, tmp_path: Path):
    cases = ["patient001_frame01", "patient002_frame01"]
    cue_path(tmp_path, cases[0]).write_bytes(b"garbage")
    np.savez(cue_path(tmp_path, cases[1]), other=np.zeros(3))
    with pytest.raises(
        InputError, match=r"2 problems(?s:.)*001_frame01\.npz cannot be(?s:.)*002_frame01\.npz cannot be"
    ):
        read(tmp_path, store, store.rows(cases))


def test_classes_that_are_not_there_are_refused(store: SliceStore, tmp_path: Path):
    write_cue_file(cue_path(tmp_path, "patient001_frame01"), np.full((3, 32, 32), 7, np.uint8), store.structures)
    with pytest.raises(InputError, match=r"classes that are not there(?s:.)*0 to 1, and 255(?s:.)*found: +7"):
        read(tmp_path, store, store.rows(["patient001_frame01"]))


def test_an_archive_that_unpacks_to_more_than_its_slices_is_refused_by_that_bound(store: SliceStore, tmp_path: Path):
    write_cue_file(cue_path(tmp_path, "patient001_frame01"), np.zeros((3000, 32, 32), np.uint8), store.structures)
    with pytest.raises(InputError, match=r"cues\.npy is larger than the slices of its case"):
        read(tmp_path, store, store.rows(["patient001_frame01"]))


@fuzz()
@given(st.binary(max_size=60), st.integers(0, 900))
def test_any_damage_is_named_or_harmless(
    store: SliceStore, tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "cues"
    written = write(folder, store, "patient001_frame01", 0)
    path = cue_path(folder, "patient001_frame01")
    content = path.read_bytes()
    path.write_bytes(content[:at] + junk + content[at + len(junk) :])
    seeds = np.full((len(store), store.side, store.side), 255, np.uint8)
    try:
        read_cue_seeds(seeds, store, {"patient001_frame01": path})
    except InputError:
        return
    np.testing.assert_array_equal(seeds[store.rows(["patient001_frame01"])], written)
