import pytest

from medsize.inference.options import PredictionOptions


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        ({}, ""),
        ({"tta": True}, "_tta"),
        ({"keep_largest": True}, "_largest"),
        ({"crf": True}, "_crf"),
        ({"tta": True, "keep_largest": True, "crf": True}, "_tta_largest_crf"),
    ],
)
def test_results_are_named_after_what_was_done(options, suffix):
    assert PredictionOptions(**options).suffix == suffix
