import unicodedata
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from medsize.config.data import DataConfig, FolderSource
from medsize.data.sources.folder import find_folder_cases
from medsize.errors import InputError
from tests.data.photo_files import write_mask, write_photo

SOURCE = FolderSource(kind="folder")


def test_photos_and_masks_are_paired_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_photo(tmp_path / "images" / f"{name}.jpg")
    write_mask(tmp_path / "masks" / "a.png", np.zeros((24, 32)))
    cases = find_folder_cases(SOURCE, tmp_path)
    assert [(case.id, case.group, case.label and case.label.name) for case in cases] == [
        ("a", "a", "a.png"),
        ("b", "b", None),
    ]


def test_volumes_are_paired_whatever_their_formats_and_what_is_no_image_is_left_aside(tmp_path: Path) -> None:
    for name in (
        "images/b.nii.gz",
        "images/a.v2.NII",
        "images/c.nrrd",
        "images/c.json",
        "masks/b.mha",
        "masks/a.v2.nii.gz",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    cases = find_folder_cases(SOURCE, tmp_path)
    assert [(case.id, case.image.name, case.label and case.label.name) for case in cases] == [
        ("a.v2", "a.v2.NII", "a.v2.nii.gz"),
        ("b", "b.nii.gz", "b.mha"),
        ("c", "c.nrrd", None),
    ]


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)images: no such folder.*--data-root"):
        find_folder_cases(SOURCE, tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="images holds no images"):
        find_folder_cases(SOURCE, tmp_path)
    write_photo(tmp_path / "images" / "a.jpg")
    write_mask(tmp_path / "masks" / "c.png", np.zeros((24, 32)))
    with pytest.raises(InputError, match=r"(?s)1 of the 1 masks have no image.*none for c"):
        find_folder_cases(SOURCE, tmp_path)
    write_photo(tmp_path / "images" / "a.png")
    with pytest.raises(InputError, match=r"two files named a(?s:.)*a\.jpg, a\.png"):
        find_folder_cases(SOURCE, tmp_path)


def test_void_cannot_be_a_structure_among_others() -> None:
    with pytest.raises(ValidationError, match="255 means void"):
        FolderSource(kind="folder", labels={"a": 1, "b": 255})


def test_volumes_have_no_structure_of_255(tmp_path: Path) -> None:
    whole = {"split": {"name": "holdout"}, "preprocessing": {"name": "physical"}}
    assert DataConfig(source=FolderSource(kind="folder", labels={"a": 254}), **whole)
    with pytest.raises(ValidationError, match="values of volumes are 1 to 254"):
        DataConfig(source=SOURCE, **whole)


def test_hidden_files_are_left_aside_and_accents_are_one_whichever_way_they_are_written(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Mü")
    write_photo(tmp_path / "images" / f"{decomposed}.jpg")
    mask = write_mask(tmp_path / "masks" / "Mü.png", np.zeros((24, 32)))
    for path in (tmp_path / "images" / f"._{decomposed}.jpg", tmp_path / "masks" / "._Mü.png"):
        path.write_bytes(b"\0\5\x16\7")
    (case,) = find_folder_cases(SOURCE, tmp_path)
    assert (case.id, case.label) == (decomposed, mask)


def test_photos_that_are_one_file_on_other_systems_are_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "A.jpg"):
        write_photo(tmp_path / "images" / name)
    write_mask(tmp_path / "masks" / "a.png", np.zeros((24, 32)))
    with pytest.raises(InputError, match=r"two files named a(?s:.)*A\.jpg, a\.jpg"):
        find_folder_cases(SOURCE, tmp_path)
