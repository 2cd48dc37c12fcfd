from pathlib import Path

import numpy as np
from PIL import Image

from medsize.data.volumes import Volume
from medsize.inference.pictures import write_picture

RED = (255, 0, 0)


def volume(shape=(40, 20, 8), spacing_mm=(1.0, 2.0, 8.0)) -> Volume:
    array = np.random.default_rng(0).random(shape, np.float32)
    return Volume(array, np.diag([*spacing_mm, 1]), spacing_mm, Path("a.nii"))


def picture(path: Path, frames, labels) -> np.ndarray:
    write_picture(path / "a.png", frames, labels, {3: RED})
    with Image.open(path / "a.png") as opened:
        return np.asarray(opened.convert("RGB"))


def square(shape=(40, 20, 8)) -> np.ndarray:
    label = np.zeros(shape, np.uint8)
    label[10:20, 5:10, 2:5] = 3
    return label


def test_a_millimetre_is_as_long_along_both_axes_and_slices_with_structures_are_shown(tmp_path):
    shown = picture(tmp_path, [volume()], [square()])
    assert shown.shape == (256, 3 * 256 + 2 * 4, 3)
    red = (shown == RED).all(-1)
    rows, columns = np.flatnonzero(red[:, :256].any(1)), np.flatnonzero(red[:, :256].any(0))
    assert (columns[0], columns[-1] + 1) == (64, 128)  # voxels 10 to 20 of 40
    assert (rows[0], rows[-1] + 1) == (64, 128)  # voxels 5 to 10 of 20
    assert not red[80:110, 80:110].any()


def test_no_structure_at_all_is_shown_as_slices_without_outlines(tmp_path):
    shown = picture(tmp_path, [volume()], [np.zeros((40, 20, 8), np.uint8)])
    assert shown.shape == (256, 5 * 256 + 4 * 4, 3)
    assert (shown[..., 0] == shown[..., 1]).all()


def test_frames_are_rows(tmp_path):
    shown = picture(tmp_path, [volume()] * 7, [square()] * 7)
    assert shown.shape == (3 * 256 + 2 * 4, 3 * 256 + 2 * 4, 3)
