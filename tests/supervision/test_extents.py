"""Sizes that people give come out as the share that the network sees, counted on labels."""

from pathlib import Path

import numpy as np
import pytest

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.case import Case
from medsize.data.store import SliceStore, open_store
from medsize.supervision.extents import image_extent, image_per_slice
from tests.supervision.conftest import LABELS, SPACING_MM, label_volume, write_nifti

PREPROCESSINGS = {
    "squeezed": PaperPreprocessing(size=96),
    "cropped": PhysicalPreprocessing(name="physical", size=60, spacing_mm=0.5),
    "padded": PhysicalPreprocessing(name="physical", size=160, spacing_mm=0.25),
    "as it is": PhysicalPreprocessing(name="physical", size=24, spacing_mm=1.5),
}


@pytest.fixture(params=PREPROCESSINGS)
def store(request: pytest.FixtureRequest, cases: list[Case], tmp_path: Path) -> SliceStore:
    return open_store(cases[:1], LABELS, ("lv",), PREPROCESSINGS[request.param], tmp_path / "cache", workers=1)


def test_the_extent_is_that_of_the_file_whatever_the_network_sees(store: SliceStore) -> None:
    case, one = (image_extent(store, "case0", whole_case=whole) for whole in (True, False))
    assert (one.pixels, case.pixels) == (24 * 20, 24 * 20 * 4)
    assert one.pixel_mm2 == pytest.approx(1.5 * 1.5)
    assert one.voxel_ml == case.voxel_ml == pytest.approx(1.5 * 1.5 * 8 / 1000)
    assert (one.whole_case, case.whole_case) == (False, True)


def test_a_share_of_the_image_times_the_ratio_is_the_share_of_what_the_network_sees(store: SliceStore) -> None:
    label = label_volume(0)
    assert SPACING_MM[:2] == (1.5, 1.5)
    of_image = (label[..., 1] == 3).mean()
    domain = store.domain[1]
    of_slice = (store.labels[1][domain] == 1).mean()
    grid = store.grid("case0")
    lost = of_image * label[..., 1].size > (store.labels[1] == 1).sum() * np.prod(grid.scale) * 1.05
    assert not lost, "the structure lies within what is seen"
    assert image_per_slice(store, "case0") * of_image == pytest.approx(of_slice, rel=0.03)


def test_the_ratio_is_1_where_the_whole_plane_is_seen(cases: list[Case], tmp_path: Path) -> None:
    whole = [open_store(cases[:1], LABELS, ("lv",), PREPROCESSINGS[name], tmp_path / name.replace(" ", ""), workers=1)
             for name in ("squeezed", "padded", "as it is")]  # fmt: skip
    assert [image_per_slice(store, "case0") for store in whole] == [1.0, 1.0, 1.0]


def test_an_odd_shape_is_whole_too_after_it_is_squeezed(tmp_path: Path) -> None:
    image = write_nifti(tmp_path / "odd.nii.gz", np.random.default_rng(0).random((23, 31, 2)).astype(np.float32))
    case = Case("odd", "odd", image)
    store = open_store([case], LABELS, ("lv",), PaperPreprocessing(size=57), tmp_path / "cache", workers=1)
    assert image_per_slice(store, "odd") == pytest.approx(1, abs=1e-15)
