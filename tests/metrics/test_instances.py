import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsize.metrics.instances import score_instances


def regions(mask):
    """The 8-connected regions of a mask as sets of pixels, by flooding: the oracle's own."""
    left, found = {tuple(at) for at in np.argwhere(mask).tolist()}, []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            region.add((y, x))
            near = {(y + a, x + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


def by_hand(prediction, reference, instances=None):
    """(class, area, IoU) of every instance, in sets and in the words of P4, section 2.2."""
    scores, void = [], {tuple(at) for at in np.argwhere(reference == 255).tolist()}
    for number in sorted(set(reference.ravel().tolist()) - {255}):
        pixels = {tuple(at) for at in np.argwhere(reference == number).tolist()}
        if number == 0:
            objects = [pixels]
        else:
            numbers = {at: 0 if instances is None else int(instances[at]) for at in pixels}
            told = sorted(set(numbers.values()) - {0, 255})
            objects = [{at for at in pixels if numbers[at] == each} for each in told]
            rest = np.zeros(reference.shape, bool)
            for at in pixels:
                rest[at] = numbers[at] in (0, 255)
            objects += regions(rest)
        assigned = [0.0] * len(objects)
        overlaps = [0] * len(objects)
        for region in regions(prediction == number):
            shares = [len(region & each) for each in objects]
            unassigned = len(region - void - set().union(*objects))
            for place, share in enumerate(shares):
                overlaps[place] += share
                assigned[place] += share + (unassigned * share / sum(shares) if sum(shares) else 0)
        scores += [
            (number, len(each), overlap / (of + len(each) - overlap))
            for each, overlap, of in zip(objects, overlaps, assigned, strict=True)
        ]
    return sorted(scores)


def found(*images):
    scores = score_instances(*images)
    return sorted(zip(scores.classes.tolist(), scores.areas.tolist(), scores.ious.tolist(), strict=True))


def same(first, second):
    assert [each[:2] for each in first] == [each[:2] for each in second]
    np.testing.assert_allclose([each[2] for each in first], [each[2] for each in second], atol=1e-12)


def image(*rows):
    return np.array([[int(letter) if letter != "v" else 255 for letter in row] for row in rows], np.uint8)


def random_images(seed, side=14, classes=3):
    random = np.random.default_rng(seed)
    coarse = random.integers(classes, size=(side // 2, side // 2), dtype=np.uint8)
    reference = np.kron(coarse, np.ones((2, 2), np.uint8))
    prediction = np.where(
        random.random(reference.shape) < 0.25, random.integers(classes, size=reference.shape), reference
    )
    reference[random.random(reference.shape) < 0.08] = 255
    instances = random.integers(4, size=reference.shape).astype(np.uint8)
    return prediction.astype(np.uint8), reference, instances


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=150)
def test_scores_equal_those_by_hand(seed, with_instances):
    prediction, reference, instances = random_images(seed)
    images = (prediction, reference, instances) if with_instances else (prediction, reference)
    same(found(*images), by_hand(*images))


def test_a_region_on_one_instance_is_assigned_whole():
    reference = image("0000000", "0110000", "0110000", "0000000")
    prediction = image("0000000", "0111110", "0000000", "0000000")
    assert found(prediction, reference)[1] == (1, 4, pytest.approx(2 / (5 + 4 - 2)))


def test_a_region_on_two_instances_is_shared_in_proportion_to_the_overlaps():
    # P4, Fig. 3 (b): overlaps of 16 and 8 divide what is left 2 : 1
    reference, prediction = np.zeros((2, 8, 20), np.uint8)
    reference[0:4, 0:4] = 1
    reference[0:4, 10:12] = 1
    prediction[0:4, 0:12] = 1  # 24 pixels between the two
    assert found(prediction, reference)[1:] == [
        (1, 8, pytest.approx(8 / (8 + 8 + 8 - 8))),
        (1, 16, pytest.approx(16 / (16 + 16 + 16 - 16))),
    ]


def test_instances_that_touch_are_two_only_where_a_map_says_so():
    reference = image("0000", "1111", "0000")
    numbers = image("0000", "1122", "0000")
    assert [each[1] for each in found(reference, reference)] == [8, 4]
    assert [each[1] for each in found(reference, reference, numbers)] == [8, 2, 2]


def test_an_instance_in_two_pieces_is_one_where_a_map_says_so():
    reference = image("11011")
    assert [each[1] for each in found(reference, reference, image("77077"))] == [1, 4]


def test_a_false_region_counts_only_through_the_background():
    reference = image("110000", "110000", "000000", "000000")
    alone = image("110000", "110000", "000000", "000000")
    with_false = image("110000", "110000", "000011", "000011")
    assert found(with_false, reference)[1] == found(alone, reference)[1] == (1, 4, 1.0)
    assert found(with_false, reference)[0] == (0, 20, 0.8)


def test_void_pixels_count_nowhere():
    reference = image("1v0", "1v0")
    assert found(image("110", "110"), reference) == [(0, 2, 1.0), (1, 2, 1.0)]
    assert found(image("111", "111"), reference)[1] == (1, 2, 0.5)


def test_an_instance_that_was_missed_scores_0():
    assert found(image("00"), image("01")) == [(0, 1, 0.5), (1, 1, 0.0)]


def test_an_image_of_void_has_no_instance():
    assert found(image("01"), image("vv")) == []


def large_and_small(pixels_of_large, pixels_of_small):
    """P4, Fig. 4: one large and three small instances of a class, covered as far as said, and their reference."""
    reference = np.zeros((60, 60), np.uint8)
    reference[2:42, 2:42] = 1
    small = [(slice(50, 54), slice(left, left + 4)) for left in (2, 20, 38)]
    for each in small:
        reference[each] = 1
    prediction = np.zeros_like(reference)
    prediction[2 : 2 + pixels_of_large // 40, 2:42] = 1
    for rows, columns in small:
        prediction[rows.start : rows.start + pixels_of_small // 4, columns] = 1
    return prediction, reference


def scores_of_class(prediction, reference):
    scores = score_instances(prediction, reference)
    plain = np.count_nonzero(prediction & reference) / np.count_nonzero(prediction | reference)
    return scores.ious[scores.classes == 1].mean(), plain


@pytest.mark.parametrize("small", [0, 16], ids=["case A, small ones missed", "case C, small ones found"])
def test_a_growing_large_instance_adds_a_quarter_to_the_class_and_nearly_all_to_plain_iou(small):
    begin, end = (scores_of_class(*large_and_small(large, small)) for large in (0, 1600))
    assert end[0] - begin[0] == pytest.approx(1 / 4)
    assert end[1] - begin[1] > 0.96


@pytest.mark.parametrize("large", [0, 1600], ids=["case B, large one missed", "case D, large one found"])
def test_growing_small_instances_add_three_quarters_to_the_class_and_nearly_nothing_to_plain_iou(large):
    begin, end = (scores_of_class(*large_and_small(large, small)) for small in (0, 16))
    assert end[0] - begin[0] == pytest.approx(3 / 4)
    assert end[1] - begin[1] < 0.04


def test_the_class_grows_steadily_while_an_instance_is_filled():
    steps = [scores_of_class(*large_and_small(large, 0))[0] for large in range(0, 1601, 400)]
    np.testing.assert_allclose(np.diff(steps), 1 / 16)


@pytest.mark.parametrize("shapes", [((3, 3), (3, 4)), ((3, 3, 3), (3, 3, 3))])
def test_other_than_two_images_of_one_size_are_refused(shapes):
    with pytest.raises(ValueError, match="one height and width"):
        score_instances(*(np.zeros(shape, np.uint8) for shape in shapes))
