"""What every measure is declared with, and the volume errors, which have no module of their own."""

import math

import numpy as np
import pytest

from medsize.metrics.measures import MEASURES, PHOTO_MEASURES, Pair


def pair(predicted: int, true: int) -> Pair:
    counts = (np.array([0, count]) for count in (min(predicted, true), predicted, true))
    return Pair(*counts, voxel_ml=1.0)


def test_too_little_is_negative_in_ml_and_in_percent() -> None:
    assert MEASURES["volume_error_ml"].compute(pair(80, 100)) == -20
    assert MEASURES["volume_error_percent"].compute(pair(80, 100)) == -20
    assert MEASURES["volume_error_percent"].compute(pair(130, 100)) == 30


def test_an_empty_reference_has_an_error_in_ml_but_none_in_percent() -> None:
    assert MEASURES["volume_error_ml"].compute(pair(3, 0)) == 3
    assert math.isnan(MEASURES["volume_error_percent"].compute(pair(3, 0)))


@pytest.mark.parametrize("name", MEASURES)
def test_what_only_one_mask_holds_is_as_wrong_as_can_be_and_what_none_holds_is_undefined(name: str) -> None:
    worst = {"volume_error_ml": -5.0, "volume_error_percent": -100.0, "dice_slice": 0.5}
    none = {"volume_error_ml": 0.0, "dice_slice": 1.0}
    measure = MEASURES[name]
    if name.endswith("_mm") or name == "nsd":
        assert math.isnan(measure.compute(pair(0, 5))), "without a spacing there are no surfaces"
        return
    assert measure.compute(pair(0, 5)) == worst.get(name, 0.0)
    assert measure.compute(pair(0, 0)) == pytest.approx(none.get(name, math.nan), nan_ok=True)


def test_what_needs_no_spacing_and_no_slices_is_measured_on_photos() -> None:
    assert list(PHOTO_MEASURES) == ["dice_scan", "jaccard", "precision", "recall", "f_measure"]
