import numpy as np

from medsize.supervision.tags import tags_from_sizes


def test_a_class_is_present_if_it_has_a_size_and_the_background_always_is() -> None:
    sizes = np.array([[0.9, 0.1, 0.0], [1.0, 0.0, 0.0], [0.0, 0.4, 0.6]])
    assert tags_from_sizes(sizes).tolist() == [[True, True, False], [True, False, False], [True, True, True]]


def test_unknown_sizes_make_unknown_tags() -> None:
    assert not tags_from_sizes(np.full((1, 3), np.nan)).any()


def test_sizes_are_left_as_they_are() -> None:
    sizes = np.array([[0.0, 1.0]])
    tags_from_sizes(sizes)
    assert sizes.tolist() == [[0.0, 1.0]]


def test_one_unknown_structure_makes_the_tags_of_its_image_unknown() -> None:
    sizes = np.array([[np.nan, 0.2, np.nan], [np.nan, 0.2, 0.1], [0.7, 0.2, 0.1]])
    assert tags_from_sizes(sizes).tolist() == [[False] * 3, [True] * 3, [True] * 3]
