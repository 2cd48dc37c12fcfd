import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from medsize.data import checked
from medsize.data.checked import damage_to, write_checksums

CONTENT = {"images.npy": bytes(range(256)) * 40, "index.csv": b"row,case\n0,NA\n", "empty": b""}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checked, "_PART", 1000)
    monkeypatch.setattr(checked, "_BLOCK", 300)
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "derived").mkdir()
    write_checksums(tmp_path)
    return tmp_path


def test_a_folder_is_whole_as_it_was_written(folder: Path) -> None:
    assert damage_to(folder) == ""
    (folder / "derived" / "later").touch()
    assert damage_to(folder) == ""


def test_the_checksum_is_the_usual_one(folder: Path) -> None:
    content = CONTENT["images.npy"]
    expected = [f"{zlib.crc32(content[start : start + 1000]):08x}" for start in range(0, len(content), 1000)]
    assert checked._checksum(folder / "images.npy") == {"bytes": len(content), "crc32": expected}


@pytest.mark.parametrize("bit", [0, 8 * 299 + 7, 8 * 999, 8 * 1000, 8 * 10239 + 7])
def test_a_flipped_bit_is_found_even_where_times_stay(folder: Path, bit: int) -> None:
    path = folder / "images.npy"
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert damage_to(folder) == "images.npy changed since it was written"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("name", ["images.npy", "index.csv", "checksums.json"])
@pytest.mark.parametrize("damage", [cut, emptied, lengthened, Path.unlink])
def test_every_file_counts(folder: Path, damage: Callable[[Path], None], name: str) -> None:
    assert not damage_to(folder)  # known to be whole until now
    damage(folder / name)
    assert name in damage_to(folder)


@pytest.mark.parametrize(
    "content", ["[]", "{}", "null", '{"images.npy": 1}', '{"absent": 1}', "[" * 100_000, "\0", '"a"']
)
def test_damaged_checksums_are_damage(folder: Path, content: str) -> None:
    (folder / "checksums.json").write_text(content)
    assert damage_to(folder)


def test_a_file_in_place_of_the_folder_is_damage(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    assert "Not a directory" in damage_to(tmp_path / "store")


def test_files_are_read_once_a_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not damage_to(folder)
    monkeypatch.setattr(checked, "_checksum", lambda path: pytest.fail("read again"))
    assert not damage_to(folder)
