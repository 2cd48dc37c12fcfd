import numpy as np
import pandas as pd

from medsize.evaluation.report.taught import show_taught
from medsize.evaluation.training_sizes import TaughtSlices


def taught(seeds, predicted):
    return TaughtSlices(
        case=np.array(["a"]),
        slice=np.array([4]),
        image=np.random.default_rng(0).integers(0, 255, (1, 128, 128), np.uint8),
        seeds=seeds[None],
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
