from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from medsize.config.data import PhotoPreprocessing
from medsize.data.case import Case
from medsize.data.geometry import grid_for
from medsize.data.photo_slices import photo_on_grid, photo_preparer
from medsize.data.store import SliceStore, open_store
from medsize.errors import InputError
from tests.data.photo_files import two_objects, write_mask, write_photo

LABELS = {"a": 1, "b": 2, "c": 3, "person": 15}


@given(height=st.integers(1, 700), width=st.integers(1, 700), size=st.sampled_from([8, 97, 512]))
def test_a_kept_photo_fills_whole_pixels_of_its_square_and_keeps_its_shape(height: int, width: int, size: int) -> None:
    grid = grid_for(PhotoPreprocessing(name="photo", size=size, aspect="keep"), (height, width), (1, 1))
    domain = grid.domain()
    rows, columns = domain.any(1).sum(), domain.any(0).sum()
    assert max(rows, columns) == size
    assert abs(rows - max(1, height * size / max(height, width))) <= 0.5
    assert abs(columns - max(1, width * size / max(height, width))) <= 0.5
    corner = [at[0] for at in grid._in_case()]
    first = np.flatnonzero(domain.any(1))[0], np.flatnonzero(domain.any(0))[0]
    edges = [c + (f - 0.5) * s for c, f, s in zip(corner, first, grid.scale, strict=True)]
    np.testing.assert_allclose(edges, -0.5, atol=1e-6)


def test_a_photo_that_grows_is_interpolated_as_torch_does_it() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    grid = grid_for(PhotoPreprocessing(name="photo", size=64), (20, 30), (1, 1))
    expected = F.interpolate(torch.from_numpy(photo).permute(2, 0, 1)[None].float(), (64, 64), mode="bilinear")
    np.testing.assert_allclose(photo_on_grid(photo, grid), expected[0].permute(1, 2, 0), atol=1)


def test_a_photo_that_shrinks_is_averaged_so_that_a_fine_pattern_turns_grey() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    grid = grid_for(PhotoPreprocessing(name="photo", size=16), (128, 128), (1, 1))
    assert np.ptp(photo_on_grid(stripes, grid)[1:-1, 1:-1].astype(int)) <= 8


def store_of(
    tmp_path: Path, preprocessing: PhotoPreprocessing, structures: tuple[str, ...] = ("a", "person")
) -> SliceStore:
    cases = []
    for number in range(3):
        mask = two_objects(number)
        image = write_photo(tmp_path / f"{number}.png", seed=number)
        label = write_mask(tmp_path / f"{number}_mask.png", mask) if number < 2 else None
        cases.append(Case(id=str(number), group=str(number), image=image, label=label))
    return open_store(cases, LABELS, structures, preprocessing, tmp_path / "cache", workers=1)


def test_the_store_holds_bytes_and_gives_fractions(tmp_path: Path) -> None:
    store = store_of(tmp_path, PhotoPreprocessing(name="photo", size=16))
    on_disk = np.load(store.path / "images.npy")
    assert (on_disk.dtype, on_disk.shape, store.images.shape) == (np.uint8, (3, 3, 16, 16), (3, 3, 16, 16))
    rows = store.images[np.array([2, 0])]
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, on_disk[[2, 0]].astype(np.float32) / np.float32(255))
    assert len(store.images) == 3


def test_sizes_are_measured_on_the_mask_itself_without_void(tmp_path: Path) -> None:
    store = store_of(tmp_path, PhotoPreprocessing(name="photo", size=9))
    for number in range(2):
        mask = two_objects(number)
        known = (mask != 255).sum()
        expected = [(mask == 1).sum() / known, (mask == 15).sum() / known]
        np.testing.assert_allclose(store.fractions[number], expected, rtol=1e-12)
    assert np.isnan(store.fractions[2]).all()
    assert np.isnan(store.spacing_mm("0")).all()


def test_void_leaves_omega_only_if_asked(tmp_path: Path) -> None:
    kept = store_of(tmp_path, PhotoPreprocessing(name="photo", size=24))
    cut = store_of(tmp_path, PhotoPreprocessing(name="photo", size=24, void="outside"))
    assert not kept.padded
    assert (kept.labels[0] == 255).any()
    np.testing.assert_array_equal(cut.domain[:2], kept.labels[:2] != 255)
    assert cut.domain[2].all()
    assert (cut.images[np.arange(3)].max(1)[~cut.domain] == 0).all()


def test_padding_is_outside_omega_and_black(tmp_path: Path) -> None:
    store = store_of(tmp_path, PhotoPreprocessing(name="photo", size=16, aspect="keep"))
    expected = np.zeros((16, 16), bool)
    expected[2:14] = True  # 24 × 32
    np.testing.assert_array_equal(store.domain[0], expected)
    assert (store.images[np.array([0])][0][:, ~expected] == 0).all()
    assert (store.labels[0][~expected] == 255).all()


def test_another_photo_is_another_store(tmp_path: Path) -> None:
    first = store_of(tmp_path, PhotoPreprocessing(name="photo", size=8))
    assert store_of(tmp_path, PhotoPreprocessing(name="photo", size=8)).key == first.key
    case = Case(id="0", group="0", image=write_photo(tmp_path / "0.png", seed=9), label=tmp_path / "0_mask.png")
    changed = open_store([case], LABELS, ("a",), PhotoPreprocessing(name="photo", size=8), tmp_path / "cache")
    case = Case(id="0", group="0", image=write_photo(tmp_path / "0.png", seed=10), label=tmp_path / "0_mask.png")
    again = open_store([case], LABELS, ("a",), PhotoPreprocessing(name="photo", size=8), tmp_path / "cache")
    assert len({first.key, changed.key, again.key}) == 3


def test_a_full_disk_is_said_before_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
    with pytest.raises(InputError, match=r"(?s)lacks space for 3 photos of 16² pixels.*0\.0 GB"):
        store_of(tmp_path, PhotoPreprocessing(name="photo", size=16))


def test_a_damaged_mask_is_reported_with_its_name(tmp_path: Path) -> None:
    prepare = photo_preparer(PhotoPreprocessing(name="photo", size=8), LABELS, ("a",))
    label = write_mask(tmp_path / "m.png", np.full((24, 32), 7))
    with pytest.raises(InputError, match=r"m\.png has values that mean nothing"):
        prepare(Case(id="0", group="0", image=write_photo(tmp_path / "0.png"), label=label))
