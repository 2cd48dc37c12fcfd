import pytest

from medsize.data.sources.case_list import resolve_structures
from medsize.errors import InputError

LABELS = {"rv": 1, "myo": 2, "lv": 3}


def test_all_stands_for_every_structure_in_order() -> None:
    assert resolve_structures(("all",), LABELS) == ("rv", "myo", "lv")


def test_structures_keep_the_order_asked_for() -> None:
    assert resolve_structures(("lv", "rv"), LABELS) == ("lv", "rv")


def test_an_unknown_structure_is_refused_with_the_one_meant() -> None:
    with pytest.raises(InputError, match=r"no structure 'my0'(.|\n)*rv, myo, lv, or all(.|\n)*mean 'myo'\?"):
        resolve_structures(("lv", "my0"), LABELS)
    with pytest.raises(InputError, match="no structure 'aorta'") as caught:
        resolve_structures(("aorta",), LABELS)
    assert "remedy" not in str(caught.value)


def test_a_structure_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="named twice"):
        resolve_structures(("lv", "lv"), LABELS)


def test_all_beside_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="no structure 'all'"):
        resolve_structures(("all", "lv"), LABELS)
