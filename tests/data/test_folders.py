import unicodedata
from pathlib import Path

import pytest

from medsize.data.folders import files_of, folders_among, is_folder, listed, shown
from medsize.errors import InputError


def test_hidden_files_are_left_aside_and_the_rest_is_sorted(tmp_path: Path) -> None:
    for name in ("b", "a", "._a", ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "c").mkdir()
    assert [path.name for path in listed(tmp_path, "files")] == ["a", "b", "c"]
    assert [path.name for path in folders_among(listed(tmp_path, "files"))] == ["c"]


def test_what_is_no_folder_is_named_with_what_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"gone: no such folder\n  expected: photos\n  remedy:   copy them"):
        listed(tmp_path / "gone", "photos", remedy="copy them")
    with pytest.raises(InputError, match="file: not a folder"):
        listed(tmp_path / "file", "photos")


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(
        InputError, match=r"cannot be read\n  expected: photos\n  found:    Permission denied\n  remedy"
    ):
        listed(tmp_path, "photos")
    monkeypatch.setattr(Path, "is_dir", forbidden)
    with pytest.raises(InputError, match="permissions of the folder above it"):
        is_folder(tmp_path)


def test_a_message_shows_the_first_few() -> None:
    assert shown(Path(f"x/{number}") for number in range(8)) == "0, 1, 2, 3, 4, 5, …"
    assert shown([]) == "an empty folder"


def test_files_of_cases_are_found_by_their_endings_whichever_way_accents_are_written(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Mü.xml")
    for name in (decomposed, "a.png", "a.xml", "._b.png"):
        (tmp_path / name).touch()
    found = files_of(tmp_path, ["Mü", "a", "b"], (".xml", ".png"))
    assert found == {"Mü": tmp_path / decomposed, "a": tmp_path / "a.xml", "b": None}
    assert files_of(tmp_path / "gone", ["a"], (".xml",)) == {"a": None}
    (tmp_path / "b.png").symlink_to("annex")
    with pytest.raises(InputError, match=r"b\.png is a link to a file that is not there"):
        files_of(tmp_path, ["b"], (".xml", ".png"))
