from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from medsize.data.photos import read_photo_label
from medsize.errors import InputError
from tests.data.png_files import COLOURS, COLOURS_ALPHA, GREY, GREY_ALPHA, PALETTE, write_png
from tests.fuzzing import fuzz

OBJECT = np.zeros((40, 50), np.uint8)
OBJECT[10:30, 5:30] = 1
BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (128, 0, 0)
HALF = [(value, value, value) for value in range(256)]


def grey(values: np.ndarray) -> np.ndarray:
    return np.stack([values] * 3, axis=-1)


def with_alpha(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([colours, alpha[..., None]], axis=-1)


def jpeg(path: Path, mask: np.ndarray, quality: int = 75) -> Path:
    path = path.with_suffix(".jpg")
    Image.fromarray(255 * mask).save(path, quality=quality)
    return path


CLEAR: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "0 and 255": lambda path, m: write_png(path, 255 * m, GREY),
    "0 and 254": lambda path, m: write_png(path, 254 * m, GREY),
    "one bit": lambda path, m: write_png(path, m, GREY, 1),
    "two bits": lambda path, m: write_png(path, 3 * m, GREY, 2),
    "sixteen bits": lambda path, m: write_png(path, 65535 * m.astype(int), GREY, 16),
    "255 in sixteen bits": lambda path, m: write_png(path, 255 * m, GREY, 16),
    "black and white in colours": lambda path, m: write_png(path, grey(255 * m), COLOURS),
    "opaque": lambda path, m: write_png(path, with_alpha(grey(255 * m), np.full_like(m, 255)), COLOURS_ALPHA),
    "transparent where it is black": lambda path, m: write_png(path, np.stack([255 * m] * 2, -1), GREY_ALPHA),
    "a palette of black and white": lambda path, m: write_png(path, m, PALETTE, 1, [BLACK, WHITE]),
    "a palette of white and black": lambda path, m: write_png(path, 1 - m, PALETTE, 1, [WHITE, BLACK]),
    "255 in a palette of colours": lambda path, m: write_png(path, 255 * m, PALETTE, 8, [*HALF[:255], RED]),
    "a JPEG": jpeg,
    "a poor JPEG": lambda path, m: jpeg(path, m, 20),
}
UNCLEAR: dict[str, tuple[Callable[[Path, np.ndarray], Path], str]] = {
    "0 and 1": (lambda path, m: write_png(path, m, GREY), r"0 \(75.0%\), 1 \(25.0%\)(.|\n)*object: 1}"),
    "0 and 1 of sixteen bits": (lambda path, m: write_png(path, m, GREY, 16), "object: 1}"),
    "0 and 128": (lambda path, m: write_png(path, 128 * m, GREY), "object: 128}"),
    "an object and void": (lambda path, m: write_png(path, with_void(m), GREY), "object: 1}"),
    "three parts": (lambda path, m: write_png(path, with_void(128 * m), GREY), "128"),
    "classes and void": (lambda path, m: write_png(path, with_void(m) + (3 * m[::-1] * (m == 0)), GREY), "object: 1}"),
    "a palette of classes": (lambda path, m: write_png(path, m, PALETTE, 8, [BLACK, RED]), r"1 in \(128, 0, 0\)"),
    "a palette against its numbers": (lambda path, m: write_png(path, 255 * m, PALETTE, 8, HALF[::-1]), "0 in"),
    "a palette whose 0 is white": (lambda path, m: write_png(path, 0 * m, PALETTE, 8, [WHITE]), "object: 1}"),
    "red on black": (lambda path, m: write_png(path, m[..., None] * [255, 0, 0], COLOURS), r"\(255, 0, 0\) \(25.0%\)"),
    "transparency": (
        lambda path, m: write_png(path, with_alpha(grey(255 + 0 * m), 255 * m), COLOURS_ALPHA),
        "transparency 0 (.|\n)*without transparency",
    ),
    "transparency of a palette": (
        lambda path, m: write_png(path, m, PALETTE, 1, [WHITE, WHITE], [0, 255]),
        "transparency 0",
    ),
    "colours of sixteen bits": (lambda path, m: write_png(path, grey(255 * m), COLOURS, 16), "colours"),
}


def with_void(mask: np.ndarray) -> np.ndarray:
    """The mask, and 255 beside the object."""
    mask = mask.copy()
    mask[10:30, 31:34] = 255
    return mask


@pytest.mark.parametrize("kind", CLEAR)
def test_a_mask_of_black_and_white_is_read_alike_however_it_is_stored(kind: str, tmp_path: Path) -> None:
    path = CLEAR[kind](tmp_path / "a.png", OBJECT)
    np.testing.assert_array_equal(read_photo_label(path, OBJECT.shape, [255]), 255 * OBJECT)


@pytest.mark.parametrize("kind", UNCLEAR)
def test_a_mask_that_can_be_read_in_two_ways_is_refused_with_what_it_holds(kind: str, tmp_path: Path) -> None:
    make, told = UNCLEAR[kind]
    path = make(tmp_path / "a.png", OBJECT)
    with pytest.raises(InputError, match=rf"is no mask of black and white(.|\n)*{told}"):
        read_photo_label(path, OBJECT.shape, [255])


@pytest.mark.parametrize("full", [0, 1])
def test_a_mask_of_nothing_or_of_everything_is_one(full: int, tmp_path: Path) -> None:
    mask = np.full((9, 7), full, np.uint8)
    for kind in ("0 and 255", "one bit", "sixteen bits", "a palette of black and white", "a JPEG", "opaque"):
        np.testing.assert_array_equal(read_photo_label(CLEAR[kind](tmp_path / "a.png", mask), None, [255]), 255 * mask)


def test_a_few_pixels_of_soft_edge_are_no_third_number(tmp_path: Path) -> None:
    mask = 255 * np.tile(OBJECT, (2, 2))
    mask[10, 5], mask[11, 5] = 100, 200
    Image.fromarray(mask).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photo_label(tmp_path / "a.png", None, [255]), np.where(mask > 127, 255, 0))


CLASSES = np.tile(np.array([[0, 1, 2, 3]], np.uint8), (6, 5))


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_classes_of_few_bits_of_grey_are_numbers_and_not_brightness(bits: int, tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", CLASSES, GREY, bits)
    np.testing.assert_array_equal(read_photo_label(path, None, range(1, 86)), CLASSES)


def test_classes_in_grey_stored_as_colours_are_numbers(tmp_path: Path) -> None:
    opaque = with_alpha(grey(CLASSES), np.full_like(CLASSES, 255))
    for kind, samples in ((COLOURS, grey(CLASSES)), (COLOURS_ALPHA, opaque)):
        path = write_png(tmp_path / "a.png", samples, kind)
        np.testing.assert_array_equal(read_photo_label(path, None, range(1, 4)), CLASSES)


def test_classes_that_a_file_may_have_changed_are_refused(tmp_path: Path) -> None:
    Image.fromarray(CLASSES).save(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="a JPEG, which changes numbers"):
        read_photo_label(tmp_path / "a.jpg", None, range(1, 4))
    with pytest.raises(InputError, match="with the colours"):
        read_photo_label(write_png(tmp_path / "a.png", grey(CLASSES), COLOURS, 16), None, range(1, 4))
    faint = with_alpha(grey(CLASSES), CLASSES)
    with pytest.raises(InputError, match="whose transparency varies"):
        read_photo_label(write_png(tmp_path / "a.png", faint, COLOURS_ALPHA), None, range(1, 4))


SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))
BITS = {GREY: (1, 2, 4, 8, 16), COLOURS: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), COLOURS_ALPHA: (8, 16)}
KINDS = st.sampled_from([(kind, depth) for kind, depths in BITS.items() for depth in depths])
CHANNELS = {GREY: 1, COLOURS: 3, PALETTE: 1, GREY_ALPHA: 2, COLOURS_ALPHA: 4}


@fuzz()
@given(SHAPES, st.integers(0, 2**32 - 1), st.sampled_from([*CLEAR]))
def test_the_share_of_any_object_is_right_however_it_is_stored(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], seed: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    mask = (rng.random(shape) < rng.random()).astype(np.uint8).repeat(16, 0).repeat(16, 1)  # JPEG's blocks
    assume(not (mask.all() and kind == "a palette of white and black"))  # all numbers are 0: refused, as above
    found = read_photo_label(CLEAR[kind](tmp_path_factory.getbasetemp() / "a.png", mask), mask.shape, [255])
    assert np.mean(found == 255) == pytest.approx(mask.mean(), abs=1e-3)


@fuzz()
@given(st.data(), SHAPES, KINDS)
def test_any_png_is_read_as_its_numbers_say_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, shape: tuple[int, int], kind: tuple[int, int]
) -> None:
    colour_type, bits = kind
    most = 2**bits - 1
    levels = data.draw(
        st.lists(
            st.sampled_from([0, 1, min(2, most), most, 255 % (most + 1), 128 % (most + 1)]), min_size=1, max_size=3
        )
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    samples = rng.choice(levels, (*shape, CHANNELS[colour_type]))
    palette = (
        data.draw(
            st.lists(st.sampled_from([BLACK, WHITE, RED]), min_size=min(most, 255) + 1, max_size=min(most, 255) + 1)
        )
        if colour_type == PALETTE
        else None
    )
    path = write_png(tmp_path_factory.getbasetemp() / "b.png", samples, colour_type, bits, palette)
    for allowed in ([255], [1, 2]):
        try:
            found = read_photo_label(path, shape, allowed)
        except InputError:
            continue
        assert set(np.unique(found).tolist()) <= {0, 255, *allowed}
        first = samples[..., 0]
        if allowed == [1, 2]:
            assert np.array_equal(found, first)
        elif palette is not None:
            bright = np.array([colour[0] for colour in palette])[first]
            assert np.array_equal(found == 255, bright > 127) or np.array_equal(found == 255, first == 255)
        else:
            assert np.array_equal(found == 255, first > most / 2) or np.array_equal(found == 255, first == 255)


@fuzz()
@given(st.binary(max_size=200), st.integers(0, 400))
def test_a_damaged_png_is_refused_or_read(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int) -> None:
    path = write_png(tmp_path_factory.getbasetemp() / "c.png", 255 * OBJECT, GREY)
    content = path.read_bytes()
    path.write_bytes(content[:at] + junk + content[at + len(junk) :])
    for allowed in ([255], [1]):
        try:
            found = read_photo_label(path, None, allowed)
        except InputError:
            continue
        assert found.dtype == np.uint8
