import math

from medsize.evaluation.volume_error import volume_error_ml, volume_error_percent


def test_too_little_is_negative_in_ml_and_in_percent():
    assert volume_error_ml(80, 100) == -20
    assert volume_error_percent(80, 100) == -20
    assert volume_error_percent(130, 100) == 30


def test_an_empty_reference_has_an_error_in_ml_but_none_in_percent():
    assert volume_error_ml(3, 0) == 3
    assert math.isnan(volume_error_percent(3, 0))
