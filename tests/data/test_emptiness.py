import pytest

from medsize.data.emptiness import require_something
from medsize.errors import InputError

LABELS = {"lv": 3, "rv": 1}


@pytest.mark.parametrize(("labelled", "total"), [(0, 0.0), (5, 1e-9), (1, 20.0)])
def test_a_data_set_without_labels_or_with_some_pixel_is_taken(labelled: int, total: float) -> None:
    require_something(("lv",), LABELS, labelled, total)


@pytest.mark.parametrize("total", [0.0, float("nan")])
def test_labels_that_are_all_empty_are_refused_with_the_likely_cause(total: float) -> None:
    with pytest.raises(InputError, match=r"structures \(lv = 3\)(.|\n)*none in 1 label: 0, or(.|\n)*object: 255"):
        require_something(("lv",), LABELS, 1, total)
    many = {f"s{number}": number for number in range(1, 21)}
    with pytest.raises(InputError, match=r"s8 = 8, …\)(.|\n)*none in 2 labels"):
        require_something(tuple(many), many, 2, total)
