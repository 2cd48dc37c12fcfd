import stat
import zipfile
from pathlib import Path

import pytest

from medsize.data import archives
from medsize.data.archives import unpack
from medsize.errors import InputError


def archive(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def test_files_are_unpacked_with_their_folders_for_this_user_only(tmp_path):
    unpack(archive(tmp_path / "a.zip", **{"x/1.dcm": b"one", "2.dcm": b"two"}), tmp_path / "out")
    assert (tmp_path / "out" / "x" / "1.dcm").read_bytes() == b"one"
    assert (tmp_path / "out" / "2.dcm").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil"])
def test_names_that_lead_out_are_refused_and_nothing_is_written(tmp_path, name):
    (tmp_path / "in").mkdir()
    path = archive(tmp_path / "in" / "a.zip", **{"good": b"1", name: b"2"})
    with pytest.raises(InputError, match="is not unpacked"):
        unpack(path, tmp_path / "in" / "out")
    assert [entry.name for entry in tmp_path.rglob("*")] == ["in", "a.zip"]


def test_a_link_becomes_a_plain_file(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(link, "/etc/passwd")
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out" / "link").is_symlink()
    assert (tmp_path / "out" / "link").read_text("utf-8") == "/etc/passwd"


@pytest.mark.parametrize(
    ("limit", "value", "found"),
    [("_MOST_FILES", 1, "2 files"), ("_MOST_BYTES", 10, "2 files of"), ("_SMALL", 10, "as in a zip bomb")],
)
def test_an_archive_that_would_take_too_much_room_is_refused(tmp_path, monkeypatch, limit, value, found):
    monkeypatch.setattr(archives, limit, value)
    path = archive(tmp_path / "a.zip", a=bytes(1_000_000), b=b"")
    with pytest.raises(InputError, match=found):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_larger_than_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 3}))
    with pytest.raises(InputError, match="room for"):
        unpack(archive(tmp_path / "a.zip", a=b"1234"), tmp_path / "out")


def test_an_encrypted_archive_is_refused(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", a=b"1234")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="encrypted files"):
        unpack(path, tmp_path / "out")


def test_a_damaged_archive_leaves_nothing(tmp_path):
    path = archive(tmp_path / "a.zip", a=b"first", b=bytes(range(256)) * 40)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x03\x04", 10) + 60
    content[at : at + 20] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def windows_archive(path: Path, name: bytes, *, utf_8: bool = False) -> Path:
    """An archive with one file whose name is made of exactly these bytes."""
    plain = b"x" * len(name)
    archive(path, **{plain.decode(): b"one"})
    content = path.read_bytes().replace(plain, name)
    if utf_8:
        for mark, at in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
            place = content.index(mark) + at
            content = content[:place] + b"\x08" + content[place + 1 :]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "utf_8", "expected"),
    [
        (b"p1\\sax.nii.gz", False, "p1/sax.nii.gz"),
        (b"p1\\p2/sax.nii.gz", False, "p1/p2/sax.nii.gz"),
        ("Müller/sax.nii".encode("cp437"), False, "Müller/sax.nii"),
        ("Müller/sax.nii".encode(), False, "Müller/sax.nii"),
        ("Müller/sax.nii".encode(), True, "Müller/sax.nii"),
        ("心臓.nii".encode(), False, "心臓.nii"),
    ],
)
def test_names_of_other_systems_become_the_folders_and_letters_that_were_meant(tmp_path, name, utf_8, expected):
    unpack(windows_archive(tmp_path / "a.zip", name, utf_8=utf_8), tmp_path / "out")
    assert (tmp_path / "out" / expected).read_bytes() == b"one"


def test_a_folder_of_windows_is_no_file(tmp_path):
    unpack(archive(tmp_path / "a.zip", **{"p1\\": b"", "p1\\x": b"one"}), tmp_path / "out")
    assert (tmp_path / "out" / "p1" / "x").read_bytes() == b"one"


def test_what_macos_adds_and_what_is_hidden_stays_in_the_archive(tmp_path):
    names = ("__MACOSX/._x.nii", "a/._x.nii", ".git/x", "a/x.nii")
    unpack(archive(tmp_path / "a.zip", **dict.fromkeys(names, b"1")), tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")] == ["a", "a/x.nii"]


def test_two_files_that_come_to_one_name_refuse_the_archive(tmp_path):
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(archive(tmp_path / "a.zip", **{"a/x": b"1", "a\\x": b"2"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()
