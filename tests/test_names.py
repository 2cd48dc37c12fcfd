import os
import unicodedata

import pytest

from medsize.errors import InputError
from medsize.names import check_name, check_structure_name, name_finder, name_key, same_name


@pytest.mark.parametrize(
    "name", ["lv", "LV cavity (ED)", "Müller_01", "日本", "a.b-c", "NA", "nan", "None", "5", "x" * 200]
)
def test_a_name_that_is_a_file_name_everywhere_is_kept(name: str):
    assert check_name(name, "structure") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " lv", "lv ", "lv.", ".lv", "..", "../../../../esc", "a/b", "a\\b", "C:x", "a\0b", "a\x1bb", "a\nb"),
        *("x" * 201, "ü" * 101, "=1+1", "+x", "-x", "@x", "con", "NUL", "com1.txt", "a\u202eb", "a\udce9"),
    ],
)
def test_a_name_that_would_lead_elsewhere_is_refused(name: str):
    with pytest.raises(InputError, match="the structure cannot have this name"):
        check_name(name, "structure")


@pytest.mark.parametrize("name", ["background", "Background", "all", "foreground"])
def test_a_word_with_a_meaning_of_its_own_is_no_structure(name: str):
    with pytest.raises(InputError, match="cannot be called"):
        check_structure_name(name)
    assert check_name(name, "case") == name


def test_composed_and_decomposed_letters_are_one_name():
    composed = "Müller"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert name_key(composed) == name_key(decomposed) == name_key("MÜLLER")
    assert same_name(decomposed, [composed, "Meier"]) == composed


def test_the_very_name_wins_over_those_that_are_alike():
    assert same_name("lv", ["LV", "lv"]) == "lv"
    assert same_name("Lv", ["LV", "lv"]) is None
    assert same_name("rv", ["LV", "lv"]) is None


def test_a_finder_finds_what_same_name_does():
    known = ["LV", "lv", "Müller", "Meier"]
    find = name_finder(known)
    for name in [*known, unicodedata.normalize("NFD", "müller"), "MEIER", "Lv", "gone"]:
        assert find(name) == same_name(name, known), name


def test_a_file_name_in_another_encoding_is_named_as_such():
    with pytest.raises(InputError, match=r"another encoding than UTF-8: M\\xfcller"):
        check_name(os.fsdecode(b"M\xfcller"), "case")
