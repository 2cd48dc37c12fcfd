import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.metrics.confusion import class_iou, confusion, mean_iou


def images(seed, count=4, classes=5):
    random = np.random.default_rng(seed)
    reference = random.integers(classes, size=(count, 9, 7), dtype=np.uint8)
    prediction = np.where(
        random.random(reference.shape) < 0.6, reference, random.integers(classes, size=reference.shape)
    )
    reference[random.random(reference.shape) < 0.2] = 255
    return prediction.astype(np.uint8), reference


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_miou_equals_that_over_all_pixels_of_the_set_at_once(seed):
    predictions, references = images(seed)
    matrix = sum(confusion(*pair, 5) for pair in zip(predictions, references, strict=True))
    expected = []
    for number in range(5):
        true, predicted = references == number, (predictions == number) & (references != 255)
        if (true | predicted).any():
            expected.append((true & predicted).sum() / (true | predicted).sum())
    assert mean_iou(matrix) == pytest.approx(np.mean(expected), rel=1e-12)


def test_every_pair_of_classes_is_counted_once():
    prediction, reference = (image[0] for image in images(3))
    matrix = confusion(prediction, reference, 5)
    for true in range(5):
        for predicted in range(5):
            assert matrix[true, predicted] == ((reference == true) & (prediction == predicted)).sum()


def test_void_counts_nowhere_whatever_was_predicted_there():
    reference = np.array([0, 1, 255, 255], np.uint8)
    assert confusion(np.array([0, 1, 1, 255], np.uint8), reference, 2).tolist() == [[1, 0], [0, 1]]


def test_a_class_in_neither_is_left_out_and_one_only_predicted_scores_0():
    matrix = confusion(np.array([0, 0, 2], np.uint8), np.array([0, 0, 0], np.uint8), 4)
    np.testing.assert_array_equal(class_iou(matrix), [2 / 3, np.nan, 0, np.nan])
    assert mean_iou(matrix) == pytest.approx(1 / 3)


def test_the_mean_over_the_set_is_no_mean_over_images():
    half, tiny = np.array([1] * 50 + [0] * 50, np.uint8), np.array([1, 0], np.uint8)
    matrix = confusion(half, half, 2) + confusion(1 - tiny, tiny, 2)
    assert mean_iou(matrix) == pytest.approx(50 / 52)


def test_an_empty_set_has_no_miou():
    assert np.isnan(mean_iou(np.zeros((3, 3), np.int64)))


@pytest.mark.parametrize(
    ("prediction", "reference", "message"),
    [
        ([0, 1], [0, 1, 1], "one shape"),
        ([0, 3], [0, 0], "below 3"),
        ([0, 0], [0, 3], "below 3"),
        ([255], [0], "below 3"),
    ],
)
def test_what_is_no_class_is_refused(prediction, reference, message):
    with pytest.raises(ValueError, match=message):
        confusion(np.array(prediction, np.uint8), np.array(reference, np.uint8), 3)
