import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.image import imread

from medsize.evaluation.report.overlays import (
    Window,
    contrast_of,
    draw,
    outline,
    seed_positions,
    window_around,
)


def edges(path):
    """The unit edges that path data covers, as (x, y, direction)."""
    covered = []
    for x, y, direction, length in re.findall(r"M(\d+) (\d+)([vh])(\d+)", path):
        for step in range(int(length)):
            at = (int(x), int(y) + step) if direction == "v" else (int(x) + step, int(y))
            covered.append((*at, direction))
    return covered


def brute_force(classes):
    """Every border between a pixel and its neighbours, the outside being background."""
    found = set()
    columns, rows = classes.shape
    for x in range(-1, columns):
        for y in range(-1, rows):
            here, right, below = (
                classes[a, b] if 0 <= a < columns and 0 <= b < rows else 0 for a, b in ((x, y), (x + 1, y), (x, y + 1))
            )
            found |= {(x + 1, y, "v")} if here != right else set()
            found |= {(x, y + 1, "h")} if here != below else set()
    return found


@given(arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 2)))
def test_an_outline_is_every_border_between_classes_once(classes):
    covered = edges(outline(classes))
    assert len(covered) == len(set(covered))
    assert set(covered) == brute_force(classes)


def test_one_pixel_has_four_edges_and_background_none():
    mask = np.zeros((5, 7), np.uint8)
    assert outline(mask) == ""
    mask[2, 4] = 1
    assert outline(mask) == "M2 4v1M3 4v1M2 4h1M2 5h1"


def test_a_window_is_square_in_mm_around_the_mask():
    mask = np.zeros((200, 200), bool)
    mask[100:120, 60:70] = True
    window = window_around(mask, (2.0, 1.0), least_side_mm=30)
    width_mm, height_mm = 2 * (window.x[1] - window.x[0]), window.y[1] - window.y[0]
    assert width_mm == height_mm == 68  # 1.7 times the 40 mm of the longer side
    assert sum(window.x) / 2 == pytest.approx(110, abs=1)
    assert sum(window.y) / 2 == pytest.approx(65, abs=1)


@given(
    st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 5), st.floats(0.3, 5), st.integers(0, 39), st.integers(0, 39)
)
def test_a_window_holds_the_mask_and_never_leaves_the_slice(columns, rows, dx, dy, x, y):
    mask = np.zeros((columns, rows), bool)
    mask[min(x, columns - 1), min(y, rows - 1)] = True
    window = window_around(mask, (dx, dy), least_side_mm=10)
    assert 0 <= window.x[0] < window.x[1] <= columns
    assert 0 <= window.y[0] < window.y[1] <= rows
    assert mask[window.slices].any()


def test_an_empty_mask_is_shown_around_the_middle():
    window = window_around(np.zeros((100, 80), bool), (1.0, 1.0), least_side_mm=20)
    assert (window.x, window.y) == ((40, 60), (30, 50))


def overlay(**changes):
    image = np.arange(48, dtype=np.float32).reshape(8, 6)
    truth, prediction = np.zeros((2, 8, 6), np.uint8)
    truth[3, 2] = prediction[4, 2] = 1
    given = {
        "window": Window((2, 8), (1, 5)),
        "pixel_mm": (2.0, 1.5),
        "contrast": (0.0, 47.0),
        "truth": truth,
        "prediction": prediction,
        "seeds": np.array([[3.0, 2.0], [4.5, 3.25], [0.0, 0.0]]),
    }
    return draw(image, **(given | changes)), image


def test_what_is_drawn_is_in_pixels_of_the_window():
    shown, _ = overlay()
    assert (shown.columns, shown.rows, shown.width_mm, shown.height_mm) == (6, 4, 12.0, 6.0)
    assert shown.truth == "M1 1v1M2 1v1M1 1h1M1 2h1"
    assert shown.prediction == "M2 1v1M3 1v1M2 1h1M2 2h1"


def test_seeds_are_dots_at_the_middle_of_their_pixels_and_only_inside():
    shown, _ = overlay()
    assert shown.seeds == "M1.5 1.5h0M3 2.75h0"


def test_the_picture_shows_x_to_the_right_and_y_downwards():
    shown, image = overlay()
    assert shown.image.startswith("data:image/png;base64,")
    pixels = imread(io.BytesIO(base64.b64decode(shown.image.partition(",")[2])))[..., 0]
    np.testing.assert_allclose(pixels, image[2:8, 1:5].T / 47, atol=1 / 255)


def test_without_a_label_there_is_no_outline_of_it():
    assert overlay(truth=None)[0].truth == ""


def test_seed_positions_are_those_of_labelled_pixels():
    seeds = np.full((4, 4), 255, np.uint8)
    seeds[1, 3], seeds[2, 0] = 0, 2
    np.testing.assert_array_equal(seed_positions(seeds), [[1, 3], [2, 0]])


def test_contrast_leaves_out_extremes_and_is_never_flat():
    image = np.concatenate([np.linspace(0, 100, 998), [1e6, -1e6]])
    low, high = contrast_of(image)
    assert 0 <= low < 1
    assert 99 < high <= 100
    low, high = contrast_of(np.zeros(10, np.float32))
    assert low < high
