import pytest

from medsize.errors import InputError
from medsize.run.notes import read_notes, write_notes


def test_what_is_noted_is_read_back(tmp_path):
    write_notes(tmp_path / "environment.json", {"torch": "2.13.0", "threads": 2})
    assert read_notes(tmp_path / "environment.json") == {"torch": "2.13.0", "threads": 2}


@pytest.mark.parametrize(("text", "found"), [("", "an empty file"), ("[1]", "a list"), ("{", "property name")])
def test_a_damaged_record_is_named(tmp_path, text, found):
    (tmp_path / "environment.json").write_text(text)
    with pytest.raises(InputError, match=rf"environment\.json (cannot be read|is no JSON)(.|\n)*found: .*{found}"):
        read_notes(tmp_path / "environment.json")
