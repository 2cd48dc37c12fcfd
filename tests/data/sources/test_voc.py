import codecs
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from medsize.data.sources.voc import VOC_LABELS, find_voc_cases
from medsize.errors import InputError
from medsize.shipped import shipped_lines
from tests.data.photo_files import write_mask, write_photo, write_voc


def test_there_are_twenty_classes_in_vocs_order() -> None:
    assert list(VOC_LABELS.values()) == list(range(1, 21))
    assert (VOC_LABELS["aeroplane"], VOC_LABELS["person"], VOC_LABELS["tvmonitor"]) == (1, 15, 20)


def test_the_shipped_lists_have_the_published_lengths_and_do_not_meet() -> None:
    train, val = (shipped_lines(f"voc2012_{name}.txt") for name in ("trainaug", "val"))
    assert (len(train), len(set(train)), len(val), len(set(val))) == (10582, 10582, 1449, 1449)
    assert not set(train) & set(val)


@pytest.mark.parametrize("below", ["", "VOC2012"])
def test_cases_follow_the_lists_with_the_masks_of_each(below: str, tmp_path: Path) -> None:
    cases = find_voc_cases(write_voc(tmp_path) / below, "trainaug")
    assert Counter(case.split for case in cases) == {"train": 6, "val": 3}
    assert {case.label.parent.name for case in cases if case.label and case.split == "train"} == {
        "SegmentationClassAug"
    }
    assert {case.label.parent.name for case in cases if case.label and case.split == "val"} == {"SegmentationClass"}
    assert cases[0].id == cases[0].group == "2007_trainaug00"


def test_where_both_masks_are_there_training_takes_sbds_and_validation_vocs(tmp_path: Path) -> None:
    folder = write_voc(tmp_path) / "VOC2012"
    for source, other in (("SegmentationClass", "SegmentationClassAug"), ("SegmentationClassAug", "SegmentationClass")):
        for path in list((folder / source).glob("*.png")):
            if not (folder / other / path.name).exists():
                (folder / other / path.name).write_bytes(path.read_bytes())
    labels = {case.split: case.label.parent.name for case in find_voc_cases(tmp_path, "trainaug") if case.label}
    assert labels == {"train": "SegmentationClassAug", "val": "SegmentationClass"}


def test_lists_that_name_image_and_mask_are_understood(tmp_path: Path) -> None:
    folder = write_voc(tmp_path) / "VOC2012"
    path = folder / "ImageSets/Segmentation/trainaug.txt"
    names = path.read_text("utf-8").split()
    path.write_text("\n".join(f"/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png" for name in names))
    assert [case.id for case in find_voc_cases(tmp_path, "trainaug") if case.split == "train"] == names


def test_what_is_missing_is_counted_and_named(tmp_path: Path) -> None:
    folder = write_voc(tmp_path) / "VOC2012"
    (folder / "SegmentationClassAug/2007_trainaug01.png").unlink()
    with pytest.raises(InputError, match=r"(?s)1 of the 6 masks of the list 'trainaug'.*no 2007_trainaug01.*unpack"):
        find_voc_cases(tmp_path, "trainaug")
    with pytest.raises(InputError, match=r"train\.txt: no such file"):
        find_voc_cases(tmp_path, "train")
    (folder / "ImageSets/Segmentation/train.txt").write_text("2007_trainaug00\n")
    write_mask(folder / "SegmentationClass/2007_trainaug00.png", np.zeros((24, 32)))
    assert len(find_voc_cases(tmp_path, "train")) == 4
    (folder / "JPEGImages/2007_val00.jpg").unlink()
    with pytest.raises(InputError, match="1 of the 3 images of the list 'val'"):
        find_voc_cases(tmp_path, "train")


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find_voc_cases(tmp_path / "gone", "trainaug")
    with pytest.raises(InputError, match=r"(?s)is not PASCAL VOC 2012.*an empty folder"):
        find_voc_cases(tmp_path, "trainaug")


def test_the_shipped_lists_serve_where_the_folder_has_none(tmp_path: Path) -> None:
    folder = write_voc(tmp_path) / "VOC2012"
    (folder / "ImageSets/Segmentation/trainaug.txt").unlink()
    with pytest.raises(InputError, match="10582 of the 10582 images of the list 'trainaug'"):
        find_voc_cases(tmp_path, "trainaug")


def test_only_masks_of_voc_itself_have_vocs_maps_of_objects(tmp_path: Path) -> None:
    root = write_voc(tmp_path)
    for name in ("2007_val00", "2007_trainaug00"):
        write_mask(root / "VOC2012/SegmentationObject" / f"{name}.png", np.zeros((24, 32)))
    found = {case.id: case.instances for case in find_voc_cases(root, "trainaug") if case.instances}
    assert {name: path.parent.name for name, path in found.items()} == {"2007_val00": "SegmentationObject"}


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, b""])
def test_lists_and_folders_of_other_systems_make_the_same_cases(tmp_path: Path, mark: bytes) -> None:
    folder = write_voc(tmp_path) / "VOC2012"
    names = [case.id for case in find_voc_cases(tmp_path, "trainaug")]
    for path in folder.glob("ImageSets/Segmentation/*.txt"):
        path.write_bytes(mark + path.read_text("utf-8").replace("\n", "\r\n").encode())
    for path in [*folder.glob("JPEGImages/*"), *folder.glob("SegmentationClass*/*")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    assert [case.id for case in find_voc_cases(tmp_path, "trainaug")] == names


def test_listed_names_are_found_whichever_way_accents_and_dots_are_written(tmp_path: Path) -> None:
    folder = write_voc(tmp_path) / "VOC2012"
    decomposed = unicodedata.normalize("NFD", "Mü.v2")
    write_photo(folder / "JPEGImages" / f"{decomposed}.JPG")
    write_mask(folder / "SegmentationClass" / "Mü.v2.png", np.zeros((24, 32)))
    (folder / "ImageSets/Segmentation/train.txt").write_text("Mü.v2\n", "utf-8")
    case = find_voc_cases(tmp_path, "train")[0]
    assert (case.id, case.label) == (decomposed, folder / "SegmentationClass" / "Mü.v2.png")
