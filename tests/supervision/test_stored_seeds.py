from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import medsize.supervision.stored_seeds
from medsize.config.supervision import CueSeeds, ErosionSeeds, FullSeeds, NoSeeds, RandomSeeds, ScribbleSeeds
from medsize.data.store import SliceStore
from medsize.errors import InputErrors
from medsize.supervision.cue_files import write_cue_file
from medsize.supervision.seeds import erosion_seeds
from medsize.supervision.stored_seeds import seed_pixels, stored_seeds
from tests.supervision.conftest import LABELS, write_nifti
from tests.supervision.test_scribbles import scribble

MakeStore = Callable[..., SliceStore]
TRAIN = np.arange(4)


def test_the_training_rows_have_the_seeds_of_their_labels_and_no_other_row_has_any(make_store: MakeStore) -> None:
    store = make_store(("rv", "lv"))
    seeds = stored_seeds(ErosionSeeds(), store, TRAIN, 0, None)
    assert seeds.dtype == np.uint8
    for row in TRAIN:
        np.testing.assert_array_equal(seeds[row], erosion_seeds(store.labels[row]))
    assert (seeds[1] == 2).any()
    assert (seeds[4:] == 255).all()


def test_labels_are_not_read_a_second_time(make_store: MakeStore) -> None:
    store = make_store()
    first = np.array(stored_seeds(ErosionSeeds(), store, TRAIN, 0, None))
    (store.path / "labels.npy").unlink()
    np.testing.assert_array_equal(stored_seeds(ErosionSeeds(), store, TRAIN, seed=1, labels=None), first)
    with pytest.raises(FileNotFoundError):
        stored_seeds(ErosionSeeds(iterations=2), store, TRAIN, 0, None)


def test_other_rows_make_other_seeds(make_store: MakeStore) -> None:
    store = make_store()
    config = FullSeeds(kind="full")
    assert (stored_seeds(config, store, np.arange(4, 8), 0, None)[4:8] != 255).any()
    assert (stored_seeds(config, store, TRAIN, 0, None)[4:8] == 255).all()


def test_random_seeds_depend_on_the_seed_and_the_slice_not_on_the_other_rows(make_store: MakeStore) -> None:
    store = make_store()
    config = RandomSeeds(kind="random", radius_px=0.5)
    few = stored_seeds(config, store, np.arange(3), 7, None)
    many = stored_seeds(config, store, np.arange(7, -1, -1), 7, None)
    np.testing.assert_array_equal(few[:3], many[:3])
    assert any((stored_seeds(config, store, TRAIN, seed, None)[1] != few[1]).any() for seed in range(5))
    assert (few[1] != few[2]).any() or (many[5] != many[6]).any()


def test_scribbles_are_read_again_when_a_file_changes(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    folder = tmp_path / "scribbles"
    path = write_nifti(folder / "case0_scribble.nii.gz", scribble())
    config = ScribbleSeeds(kind="scribble", folder=folder)
    first = np.array(stored_seeds(config, store, TRAIN, 0, LABELS))
    assert set(np.unique(first[1])) == {0, 1, 255}
    assert (first[4:] == 255).all()
    write_nifti(path, scribble(2))
    assert (stored_seeds(config, store, TRAIN, 0, LABELS)[1] != first[1]).any()
    moved = tmp_path / "moved"
    write_nifti(moved / "case0_scribble.nii.gz", scribble())
    again = stored_seeds(ScribbleSeeds(kind="scribble", folder=moved), store, TRAIN, 0, LABELS)
    np.testing.assert_array_equal(again, first)


def test_scribbles_need_no_label(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    (store.path / "labels.npy").unlink()
    write_nifti(tmp_path / "case2_scribble.nii.gz", scribble())
    config = ScribbleSeeds(kind="scribble", folder=tmp_path)
    assert (stored_seeds(config, store, np.arange(8, 12), 0, LABELS)[9] == 1).any()


def test_scribbles_without_the_meaning_of_labels_are_a_programming_error(make_store: MakeStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labels"):
        stored_seeds(ScribbleSeeds(kind="scribble", folder=tmp_path), make_store(), TRAIN, 0, None)


def test_seed_pixels_are_counted_on_slices_that_have_some() -> None:
    seeds = np.full((5, 3, 3), 255, np.uint8)
    seeds[0, 0], seeds[1, :2], seeds[3] = 1, 0, 2
    counts = seed_pixels(seeds, np.array([0, 1, 2]))
    assert counts == {"slices": 3, "slices_with_seeds": 2, "mean": 4.5, "median": 4.5}
    assert seed_pixels(seeds, np.array([2])) == {"slices": 1, "slices_with_seeds": 0, "mean": 0, "median": 0}


@pytest.mark.parametrize("kind", ["scribble", "cue"])
def test_files_that_are_edited_while_they_are_read_and_put_back_are_refused(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    store = make_store()
    if kind == "scribble":
        config, read = ScribbleSeeds(kind="scribble", folder=tmp_path), "write_scribble_seeds"
        path = write_nifti(tmp_path / "case0_scribble.nii.gz", scribble())
    else:
        config, read, path = CueSeeds(kind="cues", folder=tmp_path), "read_cue_seeds", tmp_path / "case0.npz"
        write_cue_file(path, np.zeros((4, 24, 24), np.uint8), store.structures)
    original = getattr(medsize.supervision.stored_seeds, read)

    def edited(*arguments: object) -> None:
        content, before = path.read_bytes(), path.stat().st_ctime_ns
        original(*arguments)
        while path.stat().st_ctime_ns == before:  # the file system's clock ticks every few milliseconds
            path.write_bytes(b"another")
            path.write_bytes(content)

    monkeypatch.setattr(medsize.supervision.stored_seeds, read, edited)
    with pytest.raises(InputErrors, match=rf"{path.name} was changed while it was read"):
        stored_seeds(config, store, np.arange(4), 0, LABELS)
    assert not list((store.path / "derived").iterdir())
    monkeypatch.undo()
    assert (stored_seeds(config, store, np.arange(4), 0, LABELS)[:4] != 255).any()


def test_damaged_seeds_are_made_anew(make_store: MakeStore, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_store()
    first = np.array(stored_seeds(ErosionSeeds(), store, TRAIN, 0, None))
    (path,) = (store.path / "derived").rglob("array.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    np.testing.assert_array_equal(stored_seeds(ErosionSeeds(), store, TRAIN, 0, None), first)
    assert "The seeds in" in capsys.readouterr().err


def test_without_seeds_no_label_is_read_and_nothing_is_told(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store()
    monkeypatch.setattr(type(store), "labels", property(lambda _: pytest.fail("labels were read")))
    assert (np.asarray(stored_seeds(NoSeeds(kind="none"), store, TRAIN, 0, None)) == 255).all()
