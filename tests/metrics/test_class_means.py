import numpy as np
import pytest

from medsize.metrics.class_means import class_means


def parts(images=12, classes=4, seed=0):
    random = np.random.default_rng(seed)
    below = random.integers(1, 50, size=(images, classes))
    return random.integers(0, below + 1), below


def test_a_class_is_the_ratio_of_sums_and_the_mean_that_of_the_classes():
    above, below = parts()
    found = class_means({"iou": (above, below)}, [f"{n}" for n in range(12)])["iou"]
    ratios = above.sum(0) / below.sum(0)
    np.testing.assert_allclose([each.value for each in found.of_class], ratios)
    assert found.mean.value == pytest.approx(ratios.mean())


def test_intervals_equal_those_of_a_loop_over_the_same_draws():
    above, below = parts()
    found = class_means({"iou": (above, below)}, [f"{n:02d}" for n in range(12)], resamples=200)["iou"]
    draws = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), size=200)
    means = []
    for draw in draws:
        images = np.repeat(np.arange(12), draw)
        means.append((above[images].sum(0) / below[images].sum(0)).mean())
    assert (found.mean.low, found.mean.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))))
    assert found.mean.low < found.mean.value < found.mean.high


def test_images_of_one_group_are_drawn_together():
    above, below = parts(images=6)
    twice = class_means({"iou": (np.repeat(above, 2, 0), np.repeat(below, 2, 0))}, [f"{n // 2}" for n in range(12)])
    assert twice["iou"] == class_means({"iou": (above, below)}, [f"{n}" for n in range(6)])["iou"]


def test_measures_are_drawn_alike_and_do_not_disturb_each_other():
    first, second = parts(seed=1), parts(seed=2)
    together = class_means({"a": first, "b": second}, [f"{n}" for n in range(12)])
    assert together == {
        **class_means({"a": first}, [f"{n}" for n in range(12)]),
        **class_means({"b": second}, [f"{n}" for n in range(12)]),
    }


def test_a_class_without_anything_below_is_left_out():
    found = class_means({"iou": (np.array([[1, 0], [1, 0]]), np.array([[2, 0], [2, 0]]))}, ["a", "b"])["iou"]
    assert (found.mean.value, found.of_class[0].value) == (0.5, 0.5)
    assert np.isnan([found.of_class[1].value, found.of_class[1].low]).all()


def test_in_a_draw_without_a_class_that_class_keeps_its_figure():
    above, below = np.array([[1, 0], [0, 0]]), np.array([[1, 0], [0, 1]])
    found = class_means({"iou": (above, below)}, ["a", "b"])["iou"]
    assert (found.mean.low, found.mean.value, found.mean.high) == (0.5, 0.5, 0.5)


def test_the_interval_of_many_rare_classes_holds_their_mean():
    random = np.random.default_rng(0)
    below = np.eye(40) * random.integers(1, 9, 40)
    above = np.column_stack([np.full(40, 9), below * (random.random((40, 40)) < 0.1)])
    found = class_means({"iou": (above, np.column_stack([np.full(40, 10), below]))}, [f"{n}" for n in range(40)])["iou"]
    assert found.mean.low <= found.mean.value <= found.mean.high


@pytest.mark.parametrize("images", [0, 1])
def test_fewer_than_two_groups_have_no_interval(images):
    above, below = (part[:images] for part in parts())
    found = class_means({"iou": (above, below)}, ["a"] * images)["iou"].mean
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(found.value) == (images == 0)


def test_images_and_groups_must_be_equally_many():
    with pytest.raises(ValueError, match="one row a group"):
        class_means({"iou": parts()}, ["a"])
