import codecs
from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.text import excerpt, printable, read_json, read_text


@pytest.mark.parametrize(
    "content",
    [
        b"ED: 1\nM\xc3\xbcller\n",
        codecs.BOM_UTF8 + b"ED: 1\r\nM\xc3\xbcller\r\n",
        b"ED: 1\rM\xfcller\r",
        codecs.BOM_UTF16_LE + "ED: 1\nMüller\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "ED: 1\nMüller\n".encode("utf-16-be"),
    ],
    ids=["UTF-8", "byte order mark", "Windows-1252", "UTF-16", "UTF-16, big end first"],
)
def test_text_of_any_system_is_read_alike(tmp_path: Path, content: bytes):
    (tmp_path / "a.txt").write_bytes(content)
    assert read_text(tmp_path / "a.txt", "a list") == "ED: 1\nMüller\n"


@pytest.mark.parametrize("content", [b"\x00\x05\x16\x07", b"\xff\xfe\x00", b"\x81\x8d"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match="is no text"):
        read_text(tmp_path / "a.txt", "a list")


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"x" * 101)
    with pytest.raises(InputError, match="too large"):
        read_text(tmp_path / "a.txt", "a list", most_bytes=100)


def test_what_is_not_there_or_a_folder_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"gone.txt: no such file\n  expected: a list"):
        read_text(tmp_path / "gone.txt", "a list")
    with pytest.raises(InputError, match="not a file"):
        read_text(tmp_path, "a list")


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "9" * 5000 + "x", "9" * 5000])
def test_what_is_no_json_is_refused(tmp_path: Path, content: str):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json is no JSON"):
        read_json(tmp_path / "a.json", "a record")


def test_what_would_act_on_a_terminal_is_shown_escaped():
    assert printable("a\x1b[31mb\rc\x07\x9b\u2028\udce9") == "a\\x1b[31mb\\rc\\x07\\x9b\\u2028\\xe9"
    assert printable("Müller 日本 → 8 %\n\tx\u00a0y") == "Müller 日本 → 8 %\n\tx\u00a0y"
    assert printable("\u202egnp.exe") == "\\u202egnp.exe"


def test_a_long_text_of_other_people_is_cut_in_a_message():
    assert excerpt("a\nb") == r"'a\nb'"
    assert excerpt("x" * 5000) == f"'{'x' * 80}'… (5,000 characters)"
