from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsize.data.photos import read_photo, read_photo_grid, read_photo_label, write_photo_label
from medsize.errors import InputError
from tests.data.photo_files import two_objects, write_mask, write_photo

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def test_a_png_is_read_as_its_colours(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1"])
def test_every_mode_becomes_three_colours_as_pillow_converts_it(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(RGB).convert(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image.save(path)
    with Image.open(path) as again:
        expected = np.asarray(again.convert("RGB"))
    np.testing.assert_array_equal(read_photo(path), expected)


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    grey = np.array([[0, 257, 65535, 32896]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png")[0, :, 0], [0, 1, 255, 128])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright_and_its_head_knows_it(orientation: int, tmp_path: Path) -> None:
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    turned = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.swapaxes(0, 1),
        6: np.rot90(RGB, -1),
        7: np.rot90(RGB, 2).swapaxes(0, 1),
        8: np.rot90(RGB),
    }[orientation]
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), turned)
    assert read_photo_grid(tmp_path / "a.png").shape == (*turned.shape[:2], 1)


def test_damage_is_named(tmp_path: Path) -> None:
    whole = write_photo(tmp_path / "whole.jpg", 64, 64).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no photo")
    for name in ("half.jpg", "empty.png", "text.jpg"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            read_photo(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_photo(tmp_path / "gone.jpg")
    (tmp_path / "a.gif").touch()
    with pytest.raises(InputError, match="is no photo"):
        read_photo(tmp_path / "a.gif")


def test_a_palettes_indices_are_the_values_and_255_is_void(tmp_path: Path) -> None:
    mask = two_objects(1)
    found = read_photo_label(write_mask(tmp_path / "a.png", mask), (24, 32), range(1, 21))
    np.testing.assert_array_equal(found, mask)


def test_a_binary_mask_is_split_at_the_middle(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    Image.fromarray(ramp).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photo_label(tmp_path / "a.png", None, [255]), np.where(ramp > 127, 255, 0))
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_photo_label(tmp_path / "b.png", None, [255]), [[0, 255]])
    np.testing.assert_array_equal(read_photo_label(tmp_path / "b.png", None, [1]), [[0, 1]])


def test_a_mask_is_turned_as_a_photo_is(tmp_path: Path) -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(tmp_path / "a.png", exif=exif)
        mask = read_photo_label(tmp_path / "a.png", None, range(1, 6))
        np.testing.assert_array_equal(mask, read_photo(tmp_path / "a.png")[:, :, 0])


def test_masks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "a.png", two_objects(1))
    with pytest.raises(InputError, match=r"(?s)does not fit its photo.*10 × 24 pixels.*32 × 24"):
        read_photo_label(path, (24, 10), range(1, 21))
    with pytest.raises(InputError, match=r"(?s)mean nothing here.*only 0, 1, and 255 for void.*found: +2, 15"):
        read_photo_label(path, None, [1])
    Image.fromarray(RGB).save(tmp_path / "rgb.png")
    with pytest.raises(InputError, match="export class values, not colours"):
        read_photo_label(tmp_path / "rgb.png", None, [1])


def test_a_written_mask_is_read_back(tmp_path: Path) -> None:
    write_photo_label(tmp_path / "new" / "a.png", two_objects(2))
    np.testing.assert_array_equal(read_photo_label(tmp_path / "new" / "a.png", None, range(1, 21)), two_objects(2))


def test_masks_of_classes_are_written_in_the_usual_colours_and_binary_ones_in_grey(tmp_path: Path) -> None:
    classes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    binary = np.where(classes > 99, np.uint8(255), np.uint8(0))
    for name, mask, mode in (("classes", classes, "P"), ("binary", binary, "L")):
        write_photo_label(tmp_path / f"{name}.png", mask)
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.mode == mode
            np.testing.assert_array_equal(np.asarray(image), mask)
    write_photo_label(tmp_path / "shares.png", classes, are_classes=False)
    with Image.open(tmp_path / "shares.png") as image:
        assert image.mode == "L"
    with Image.open(tmp_path / "classes.png") as image:
        palette = np.reshape(image.getpalette(), (-1, 3))
    # the first of PASCAL VOC's colour map, and its colour of void
    assert palette[[0, 1, 2, 3, 8, 15, 20, 255]].tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [64, 0, 0], [192, 128, 128], [0, 64, 128], [224, 224, 192],
    ]  # fmt: skip
