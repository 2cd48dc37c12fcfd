import base64
import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from medsize.evaluation.report.overlays import CERTAIN, OPEN
from medsize.evaluation.report.taught import show_taught
from medsize.evaluation.training_sizes import TaughtSlices


def taught(seeds, predicted, grown=None, label=None):
    unknown = np.full((1, 128, 128), 255, np.uint8)
    return TaughtSlices(
        case=np.array(["a"]),
        slice=np.array([4]),
        image=np.random.default_rng(0).integers(0, 255, (1, 128, 128), np.uint8),
        seeds=seeds[None],
        pseudo_label=unknown if grown is None else grown[None],
        relabelled=np.array(False),
        label=unknown if label is None else label[None],
        predicted=predicted[None],
        pixel_mm=np.array([[1.5, 1.5]]),
    )


def sizes(given=0.02):
    return pd.DataFrame(
        {
            "case": "a",
            "slice": [4, 4, 5],
            "structure": ["background", "lv", "lv"],
            "exact_fraction": [0.97, 0.03, 0.5],
            "given_fraction": [0.98, given, 0.5],
            "predicted_fraction": [0.99, 0.01, 0.5],
        }
    )


def blank():
    return np.full((128, 128), 255, np.uint8), np.zeros((128, 128), np.uint8)


def test_a_slice_is_shown_with_what_was_told_and_the_answer():
    seeds, predicted = blank()
    seeds[60, 60] = 1
    predicted[58:64, 58:64] = 1
    (shown,) = show_taught(taught(seeds, predicted), sizes())
    assert (shown.case, shown.slice, shown.told) == ("a", 4, True)
    assert shown.sizes == {"lv": {"given": 0.02, "exact": 0.03, "predicted": 0.01}}
    assert shown.overlay.seeds == "M29.5 29.5h0"
    assert shown.overlay.truth == ""
    assert shown.overlay.prediction.count("M") == 4


def test_the_view_is_around_the_seeds_and_what_they_touch_not_around_stray_pieces():
    seeds, predicted = blank()
    seeds[30, 30] = 1
    predicted[28:34, 28:34] = 1
    predicted[110:126, 110:126] = 1
    (shown,) = show_taught(taught(seeds, predicted), sizes())
    assert shown.overlay.columns == 60
    assert shown.overlay.prediction.count("M") == 4


def test_without_seeds_the_view_is_around_the_prediction():
    seeds, predicted = blank()
    predicted[110:126, 110:126] = 1
    (shown,) = show_taught(taught(seeds, predicted), sizes())
    assert shown.overlay.prediction.count("M") == 4


def test_a_slice_that_was_told_no_size_says_so():
    (shown,) = show_taught(taught(*blank()), sizes(given=np.nan))
    assert not shown.told
    assert shown.sizes["lv"]["given"] is None


def test_a_slice_is_shown_with_the_sizes_of_its_volume_where_these_were_given():
    seeds, predicted = blank()
    seeds[60, 60] = 1
    table = sizes()[1:2].assign(slice=np.nan)
    (shown,) = show_taught(taught(seeds, predicted), table)
    assert shown.told
    assert shown.sizes == {"lv": {"given": 0.02, "exact": 0.03, "predicted": 0.01}}


def test_what_was_grown_is_laid_over_the_slice_with_the_label_and_their_dice():
    seeds, predicted = blank()
    seeds[60, 60] = 1
    grown, label = np.zeros((2, 128, 128), np.uint8)
    grown[50:70, 50:70] = 255
    grown[55:65, 55:65] = 1
    label[55:65, 55:68], label[0] = 1, 255
    (shown,) = show_taught(taught(seeds, predicted, grown, label), sizes())
    assert shown.taught_dice == 1.0, "the rest of the structure lies where nothing was decided"
    assert shown.overlay.truth.count("M") == 4
    tint = imread(io.BytesIO(base64.b64decode(shown.overlay.grown.split(",")[1])))
    left, top = 60 - shown.overlay.columns // 2, 60 - shown.overlay.rows // 2
    assert tint[60 - top, 60 - left] == pytest.approx(CERTAIN, abs=0.01)
    assert tint[60 - top, 52 - left] == pytest.approx(OPEN, abs=0.01)
    assert tint[60 - top, 48 - left, 3] == 0


def test_without_a_label_what_was_grown_has_no_dice():
    seeds, predicted = blank()
    grown = np.zeros((128, 128), np.uint8)
    grown[60, 60] = 1
    (shown,) = show_taught(taught(seeds, predicted, grown), sizes())
    assert shown.taught_dice is None
    assert shown.overlay.truth == ""


def test_the_dice_of_what_was_grown_is_the_mean_over_its_structures():
    seeds, predicted = blank()
    grown, label = np.zeros((2, 128, 128), np.uint8)
    grown[60, 40:50], label[60, 40:60] = 1, 1
    grown[70, 40:50], label[72, 40:50] = 2, 2
    (shown,) = show_taught(taught(seeds, predicted, grown, label), sizes())
    assert shown.taught_dice == pytest.approx((2 * 10 / 30 + 0) / 2)


def test_where_nothing_was_grown_neither_tint_nor_label_is_shown():
    (shown,) = show_taught(taught(*blank(), label=np.ones((128, 128), np.uint8)), sizes())
    assert shown.overlay.grown == shown.overlay.truth == ""
    assert shown.taught_dice is None
