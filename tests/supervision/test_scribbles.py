from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.config.supervision import ScribbleSeeds
from medsize.data.store import SliceStore
from medsize.errors import InputError, InputErrors
from medsize.supervision.scribbles import class_of_values, scribble_paths, write_scribble_seeds
from tests.supervision.conftest import LABELS, SHAPE, write_nifti

MakeStore = Callable[..., SliceStore]


def scribble(number: int = 0) -> np.ndarray:
    drawn = np.full(SHAPE, 4, np.uint8)
    drawn[2, 5:9, 1] = 0
    drawn[5, 6:12, 1] = 1
    drawn[12 + number, 8:12, 1:3] = 3
    return drawn


def filled(store: SliceStore, paths: dict[str, Path]) -> np.ndarray:
    side = store.images.shape[-1]
    seeds = np.full((len(store), side, side), 255, np.uint8)
    write_scribble_seeds(seeds, store, paths, LABELS, ScribbleSeeds(kind="scribble", folder=Path()))
    return seeds


def test_every_value_of_the_label_files_has_a_class() -> None:
    assert class_of_values(LABELS, ("lv",)) == {0: 0, 1: 0, 2: 0, 3: 1}
    assert class_of_values(LABELS, ("lv", "rv")) == {0: 0, 1: 2, 2: 0, 3: 1}


def test_paths_are_found_by_case(tmp_path: Path) -> None:
    for case in ("a", "b"):
        write_nifti(tmp_path / f"{case}_scribble.nii.gz", scribble())
    config = ScribbleSeeds(kind="scribble", folder=tmp_path)
    assert scribble_paths(config, ["a", "b"])["b"] == tmp_path / "b_scribble.nii.gz"


def test_missing_scribbles_are_counted_and_named(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a_scribble.nii.gz", scribble())
    config = ScribbleSeeds(kind="scribble", folder=tmp_path)
    with pytest.raises(InputError, match=r"2 of 3 training cases.*\n.*\n.*no b_scribble.nii.gz, c_scribble.nii.gz\n"):
        scribble_paths(config, ["a", "b", "c"])
    with pytest.raises(InputError, match=r"f_scribble\.nii\.gz, …"):
        scribble_paths(config, "abcdefgh")


def test_a_missing_scribble_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 of 1 (?s:.)*no such folder\n.*supervision.seeds.folder"):
        scribble_paths(ScribbleSeeds(kind="scribble", folder=tmp_path / "absent"), ["a"])


def test_scribbles_lie_on_the_slices_where_they_were_drawn(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(physical=True)
    path = write_nifti(tmp_path / "case1_scribble.nii.gz", scribble())
    seeds = filled(store, {"case1": path})
    x0, y0 = (28 - 24) // 2, (28 - 20) // 2  # physical slices of 28 pixels pad the planes of 24 × 20
    expected = np.full((28, 28), 255, np.uint8)
    expected[x0 + 2, y0 + 5 : y0 + 9] = 0
    expected[x0 + 5, y0 + 6 : y0 + 12] = 0
    expected[x0 + 12, y0 + 8 : y0 + 12] = 1
    np.testing.assert_array_equal(seeds[5], expected)
    assert (seeds[6] == 1).sum() == 4
    assert (seeds[[4, 7]] == 255).all()
    assert (seeds[:4] == 255).all()
    assert (seeds[8:] == 255).all()


def test_scribbles_say_nothing_about_padding(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(physical=True)
    path = write_nifti(tmp_path / "case0_scribble.nii.gz", np.zeros(SHAPE, np.uint8))
    seeds = filled(store, {"case0": path})
    np.testing.assert_array_equal(seeds[:4] == 0, store.domain[:4])


def test_all_scribbles_that_cannot_be_used_are_reported(make_store: MakeStore, tmp_path: Path) -> None:
    unknown = scribble()
    unknown[0, 0, 0] = 9
    paths = {
        "case0": write_nifti(tmp_path / "case0_scribble.nii.gz", unknown),
        "case1": write_nifti(tmp_path / "case1_scribble.nii.gz", scribble()[:-1]),
        "case2": tmp_path / "case2_scribble.nii.gz",
    }
    nib.save(nib.Nifti1Image(scribble(), np.diag([2.0, 1.5, 8.0, 1.0])), paths["case2"])
    with pytest.raises(InputErrors) as caught:
        filled(make_store(), paths)
    first, second, third = map(str, caught.value.errors)
    assert "case0_scribble.nii.gz" in first
    assert "9" in first
    assert "case1_scribble.nii.gz does not fit" in second
    assert "shape (24, 20, 4)" in second
    assert "shape (23, 20, 4)" in second
    assert "spacing 1.5 × 1.5 × 8 mm" in third
    assert "spacing 2 × 1.5 × 8 mm" in third


def test_a_value_for_nothing_that_is_also_a_structures_is_refused(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(physical=True)
    path = write_nifti(tmp_path / "case1_scribble.nii.gz", scribble())
    seeds = np.full((len(store), store.side, store.side), 255, np.uint8)
    config = ScribbleSeeds(kind="scribble", folder=tmp_path, unlabelled=3)
    with pytest.raises(InputErrors, match=r"3 means that nothing is drawn, and a structure(.|\n)*lv = 3 in the labels"):
        write_scribble_seeds(seeds, store, {"case1": path}, LABELS, config)


def test_scribbles_of_which_no_structure_is_on_the_slices_are_refused(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(physical=True, size=8)
    outside = np.full(SHAPE, 4, np.uint8)
    outside[12, 10] = 0  # background alone is seen
    outside[0, 0] = 3
    path = write_nifti(tmp_path / "case1_scribble.nii.gz", outside)
    with pytest.raises(InputErrors, match=r"case1_scribble\.nii\.gz: none of the structures' scribbles is on what"):
        filled(store, {"case1": path})
    outside[12, 11] = 3
    assert (filled(store, {"case1": write_nifti(path, outside)})[4:8] == 1).any()
