import pytest

from medsize.errors import InputError
from medsize.evaluation.tolerance import parse_tolerances, tolerances_of


@pytest.mark.parametrize(
    ("texts", "tolerances"),
    [
        ((), None),
        (("2",), 2.0),
        (("1.5 ",), 1.5),
        (("lv=1.5", "myo=2"), {"lv": 1.5, "myo": 2.0}),
        (("left = right=1",), {"left = right": 1.0}),
    ],
)
def test_a_tolerance_is_given_for_all_or_for_each(texts, tolerances):
    assert parse_tolerances(texts) == tolerances


@pytest.mark.parametrize(
    "texts",
    [("",), ("0",), ("-1",), ("nan",), ("inf",), ("lv",), ("lv=",), ("1", "lv=2"), ("lv=1", "lv=2"), ("1", "2")],
)
def test_what_is_no_tolerance_is_refused_with_its_text(texts):
    with pytest.raises(InputError, match="--nsd-tolerance cannot be used") as caught:
        parse_tolerances(texts)
    assert texts[0] in str(caught.value)


def test_without_a_tolerance_no_structure_has_one():
    assert tolerances_of(None, ["lv"]) == {}


def test_one_tolerance_is_for_all_and_several_are_for_the_named_ones():
    assert tolerances_of(2, ["lv", "myo"]) == {"lv": 2, "myo": 2}
    assert tolerances_of({"myo": 1}, ["lv", "myo"]) == {"myo": 1}


def test_a_tolerance_of_an_unknown_structure_is_a_mistake():
    with pytest.raises(InputError, match="did you mean 'myo'"):
        tolerances_of({"mio": 1}, ["lv", "myo"])
    with pytest.raises(InputError, match="'xyz', which is not measured"):
        tolerances_of({"xyz": 1}, ["lv", "myo"])
