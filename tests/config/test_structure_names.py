import unicodedata

import pytest

from medsize.config.layers import Layer
from medsize.config.loading import validate
from medsize.config.run import RunConfig
from medsize.errors import InputErrors

KINDS = {
    "manifest": {"data": {"source": {"kind": "manifest", "path": "a.csv"}, "split": {"name": "manifest"}}},
    "folder": {
        "data": {
            "source": {"kind": "folder"},
            "split": {"name": "holdout"},
            "preprocessing": {"name": "photo"},
        }
    },
}


def configured(kind: str, labels: dict[str, object], structures: object = ("all",)) -> RunConfig:
    data = KINDS[kind]["data"]
    source = {**data["source"], "labels": labels}
    return validate(
        Layer({"data": {**data, "source": source, "structures": structures}, "objective": {"size_target": {}}})
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["NA", "nan", "None", "Müller", "left atrium", "5"])
def test_any_word_is_the_name_of_a_structure(kind: str, name: str) -> None:
    config = configured(kind, {name: 1}, [name])
    assert config.data.source.labels == {name: 1}
    assert config.data.structures == (name,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["../../../../esc", "background", "all", "a\0b", "x" * 225, "a\x1b[31m", "", "con", "=1+1", "a/b"]
)
def test_a_name_that_cannot_be_a_file_or_a_word_of_its_own_is_refused_wherever_it_stands(kind: str, name: str) -> None:
    with pytest.raises(InputErrors, match=r"data\.source\.labels: .*(cannot have the name|cannot be called)"):
        configured(kind, {name: 1, "b": 2})
    with pytest.raises(InputErrors, match=r"data\.structures: .*(cannot have the name|cannot be called)"):
        configured(kind, {"b": 2}, ["b", name])


@pytest.mark.parametrize("kind", KINDS)
def test_two_structures_cannot_have_one_value(kind: str) -> None:
    with pytest.raises(InputErrors, match=r"data\.source\.labels: 'a' and 'c' have one value, 1"):
        configured(kind, {"a": 1, "b": 2, "c": 1})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", [("lv", "LV"), ("Mü", unicodedata.normalize("NFD", "Mü"))])
def test_two_structures_cannot_have_names_that_are_one_file_elsewhere(kind: str, pair: tuple[str, str]) -> None:
    with pytest.raises(InputErrors, match=r"data\.source\.labels: .*are one name where upper and lower case"):
        configured(kind, {pair[0]: 1, pair[1]: 2})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0, -1, 256, 300, 1.5, "liver", None, 10**30])
def test_a_value_that_eight_bits_do_not_hold_is_refused(kind: str, value: object) -> None:
    with pytest.raises(InputErrors, match=r"data\.source\.labels\.a: "):
        configured(kind, {"a": value})


def test_all_stands_alone_or_is_no_structure() -> None:
    assert configured("manifest", {"a": 1}, ["all"]).data.structures == ("all",)
    with pytest.raises(InputErrors, match="cannot be called 'all'"):
        configured("manifest", {"a": 1}, ["a", "all"])
