import os
from pathlib import Path

import pytest

from medsize.data.originals import Originals
from medsize.errors import InputErrors


def test_the_digest_follows_the_content_and_not_the_name(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in "abc")
    for path, content in ((first, "same"), (second, "same"), (other, "other")):
        path.write_text(content)
    originals = Originals()
    assert originals.digest(first) == originals.digest(second) != originals.digest(other)
    assert originals.digest(None) is None


def test_the_content_of_a_folder_counts_with_its_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "series" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "series" / name).write_text(name)
    before = Originals().digest(tmp_path / "series")
    assert before == Originals().digest(tmp_path / "series")
    (tmp_path / "series" / "b").rename(tmp_path / "series" / "c")
    assert before != Originals().digest(tmp_path / "series")


def test_the_ends_of_a_large_photo_stand_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    content = bytearray(os.urandom(3 * 4096))
    digests = []
    for place in (None, 5, 2 * 4096 + 5, 4096 + 5):
        changed = content.copy()
        if place is not None:
            changed[place] ^= 1
        path.write_bytes(changed)
        digests.append(Originals(ends=True).digest(path))
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]


def test_a_large_photo_with_more_in_its_middle_is_another(tmp_path: Path) -> None:
    ends = os.urandom(4096), os.urandom(4096)
    shorter, longer = tmp_path / "shorter.jpg", tmp_path / "longer.jpg"
    shorter.write_bytes(bytes(100).join(ends))
    longer.write_bytes(bytes(101).join(ends))
    originals = Originals(ends=True)
    assert originals.digest(shorter) != originals.digest(longer)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("a.mhd", "NDims = 3\nElementDataFile = a b.raw\n"),
        ("a.mhd", "NDims = 3\nElementDataFile = LIST\nother.raw\na b.raw\n"),
        ("a.mhd", "NDims = 3\nElementDataFile = a%03db.raw 1 10 1\n"),
        ("a.nhdr", "NRRD0004\ndata file: ./a b.raw\n\n"),
        ("a.nhdr", "NRRD0004\ndata file: LIST 2\na b.raw\n"),
    ],
)
def test_the_data_that_a_header_names_counts(tmp_path: Path, header: str, text: str) -> None:
    (tmp_path / header).write_text(text)
    data = tmp_path / ("a001b.raw" if "%" in text else "a b.raw")
    data.write_bytes(b"one")
    originals = Originals()
    before = originals.digest(tmp_path / header)
    data.write_bytes(b"two")
    with pytest.raises(InputErrors, match=f"{header} was changed"):
        originals.require_unchanged([tmp_path / header])
    assert Originals().digest(tmp_path / header) != before


@pytest.mark.parametrize(
    "text", ["ElementDataFile = LOCAL\n\0\xff", "ElementDataFile =", "", "ElementDataFile = a.mhd"]
)
def test_a_header_that_names_no_other_file_is_a_file_like_others(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.mhd").write_text(text, "utf-8")
    assert Originals().digest(tmp_path / "a.mhd") == Originals().digest(tmp_path / "a.mhd")


@pytest.mark.parametrize("ends", [False, True])
def test_a_change_that_was_taken_back_is_seen(tmp_path: Path, ends: bool) -> None:
    path, folder = tmp_path / "a.nii", tmp_path / "series"
    folder.mkdir()
    for file in (path, folder / "b.dcm"):
        file.write_bytes(b"one")
    originals = Originals(ends=ends)
    for name in (path, folder):
        originals.digest(name)
    originals.require_unchanged([path, folder, None])
    for file in (path, folder / "b.dcm"):
        times = file.stat()
        changed_back(file)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(InputErrors, match=r"a\.nii was changed while it was read(.|\n)*series was changed"):
        originals.require_unchanged([path, folder])


def changed_back(file: Path) -> None:
    """Write something else and then the same again; until the file system's clock has moved on."""
    before, content = file.stat().st_ctime_ns, file.read_bytes()
    while file.stat().st_ctime_ns == before:
        file.write_bytes(b"two")
        file.write_bytes(content)


def test_what_cannot_be_read_is_unchanged_until_it_can(tmp_path: Path) -> None:
    originals = Originals()
    assert str(originals.digest(tmp_path / "a")).startswith("unreadable")
    originals.require_unchanged([tmp_path / "a"])
    (tmp_path / "a").touch()
    with pytest.raises(InputErrors, match="was changed"):
        originals.require_unchanged([tmp_path / "a"])
