import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as masks
from pycocotools.coco import COCO

from medsize.config.data import PhotoPreprocessing
from medsize.data.sources.coco import COCO_CATEGORIES, COCO_LABELS, find_coco_cases
from medsize.data.store import open_store
from medsize.errors import InputError
from tests.data.photo_files import rectangle, write_coco

CROWD = {"size": [24, 32], "counts": [0, 24 * 10, 24 * 22]}  # the first ten columns
INSTANCES: dict[int, list[dict[str, Any]]] = {
    7: [
        {"category_id": 1, "segmentation": rectangle(2, 2, 18, 20)},
        {"category_id": 90, "segmentation": rectangle(6, 6, 5, 5)},
        {"category_id": 18, "segmentation": CROWD, "iscrowd": 1},
    ],
    9: [],
    3: [
        {
            "category_id": 44,
            "segmentation": {
                k: v.decode() if isinstance(v, bytes) else v
                for k, v in masks.encode(np.asfortranarray(np.eye(24, 32, dtype=np.uint8))).items()
            },
        }
    ],
}


@cache
def annotated(path: Path) -> COCO:
    return COCO(path)


def painted(path: Path, number: int) -> np.ndarray:
    """An independent rasterisation: COCO's own tools, crowds under the rest, the largest first."""
    coco = annotated(path) if path.stat().st_size > 10**5 else COCO(path)
    value = {category: at for at, category in enumerate(sorted(coco.cats), start=1)}
    drawn = [
        (one["iscrowd"], coco.annToMask(one), value[one["category_id"]], one["id"]) for one in coco.imgToAnns[number]
    ]
    image = coco.imgs[number]
    found = np.zeros((image["height"], image["width"]), np.uint8)
    for crowd in (1, 0):
        layer = [item for item in drawn if item[0] == crowd]
        for _, mask, category, _ in sorted(layer, key=lambda item: (-int(item[1].sum()), item[3])):
            found = np.where(mask > 0, category, found)
    return found


def test_the_eighty_categories_are_numbered_without_gaps() -> None:
    assert len(COCO_CATEGORIES) == len(COCO_LABELS) == 80
    assert list(COCO_LABELS.values()) == list(range(1, 81))
    assert (COCO_CATEGORIES[90], COCO_LABELS["toothbrush"], COCO_LABELS["bottle"]) == ("toothbrush", 80, 40)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, as the oracle
def test_masks_are_those_of_an_independent_rasterisation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_coco(tmp_path, INSTANCES, COCO_CATEGORIES, "train2017")
    cases = find_coco_cases(tmp_path, None, tmp_path / "cache")
    assert [case.id for case in cases] == [f"{number:012d}" for number in (3, 7, 9)]
    assert {case.split for case in cases} == {"train"}
    for case in cases:
        assert case.label is not None
        np.testing.assert_array_equal(np.asarray(Image.open(case.label)), painted(path, int(case.id)))
    mask = np.asarray(Image.open(cases[1].label or ""))
    assert (mask[8, 8], mask[4, 4], mask[0, 0], mask[0, 31]) == (80, 1, 17, 0)


def test_masks_are_painted_once_for_each_annotation_file(tmp_path: Path) -> None:
    write_coco(tmp_path, INSTANCES, COCO_CATEGORIES, "train2017")
    first = find_coco_cases(tmp_path, None, tmp_path / "cache")
    stamps = [case.label.stat().st_mtime_ns for case in first if case.label]
    again = find_coco_cases(tmp_path / "annotations", 2017, tmp_path / "cache")
    assert again == first
    assert [case.label.stat().st_mtime_ns for case in again if case.label] == stamps
    write_coco(tmp_path, INSTANCES | {9: INSTANCES[7]}, COCO_CATEGORIES, "train2017")
    assert find_coco_cases(tmp_path, None, tmp_path / "cache")[0].label != first[0].label


def test_train_and_val_of_one_year_are_taken(tmp_path: Path) -> None:
    write_coco(tmp_path, INSTANCES, COCO_CATEGORIES, "train2014")
    write_coco(tmp_path, {11: []}, COCO_CATEGORIES, "val2014")
    cases = find_coco_cases(tmp_path, None, tmp_path / "cache")
    assert [case.split for case in cases] == ["train", "train", "train", "val"]
    write_coco(tmp_path, INSTANCES, COCO_CATEGORIES, "train2017")
    with pytest.raises(InputError, match=r"(?s)which COCO is meant.*2014 and 2017"):
        find_coco_cases(tmp_path, None, tmp_path / "cache")
    assert len(find_coco_cases(tmp_path, 2017, tmp_path / "cache")) == 3


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not COCO"):
        find_coco_cases(tmp_path, None, tmp_path / "cache")
    path = write_coco(tmp_path, INSTANCES, {**COCO_CATEGORIES, 90: "hair brush"}, "train2017")
    with pytest.raises(InputError, match=r"(?s)other categories.*90 hair brush"):
        find_coco_cases(tmp_path, None, tmp_path / "cache")
    write_coco(tmp_path, INSTANCES, COCO_CATEGORIES, "train2017")
    (tmp_path / "train2017" / f"{7:012d}.jpg").unlink()
    with pytest.raises(InputError, match=r"(?s)1 of the 3 images.*no 000000000007\.jpg"):
        find_coco_cases(tmp_path, None, tmp_path / "cache")
    broken = {7: [{"category_id": 1, "segmentation": [[1, 2]]}]}
    write_coco(tmp_path, broken, COCO_CATEGORIES, "train2017")
    with pytest.raises(InputError, match=r"an outline in 000000000007\.jpg is damaged"):
        find_coco_cases(tmp_path, None, tmp_path / "cache")
    path.write_text(json.dumps({"images": []}))
    with pytest.raises(InputError, match=r"(?s)cannot be read.*no list 'categories'"):
        find_coco_cases(tmp_path, None, tmp_path / "cache")


def test_without_pycocotools_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_coco(tmp_path, INSTANCES, COCO_CATEGORIES, "train2017")
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(InputError, match=r"pip install 'medsize\[coco\]'"):
        find_coco_cases(tmp_path, None, tmp_path / "cache")


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, as the oracle
def test_the_fractions_of_every_real_image_are_those_of_an_independent_rasterisation(
    real_photos: Path, tmp_path: Path
) -> None:
    root = real_photos / "coco"
    cases = find_coco_cases(root, None, tmp_path)
    preprocessing = PhotoPreprocessing(name="photo", size=64)
    store = open_store(cases, COCO_LABELS, tuple(COCO_LABELS), preprocessing, tmp_path)
    assert len(store) == 80
    for row, case in enumerate(cases):
        mask = painted(root / "annotations" / "instances_train2017.json", int(case.id))
        expected = np.bincount(mask.ravel(), minlength=81)[1:] / mask.size
        np.testing.assert_array_equal(store.fractions[row], expected, err_msg=case.id)


def test_maps_number_the_single_instances_within_the_mask_and_no_crowd(tmp_path: Path) -> None:
    write_coco(tmp_path, INSTANCES, COCO_CATEGORIES, "train2017")
    for case in find_coco_cases(tmp_path, None, tmp_path / "cache"):
        assert case.label is not None
        assert case.instances is not None
        mask, numbers = np.asarray(Image.open(case.label)), np.asarray(Image.open(case.instances))
        assert not numbers[mask == 0].any()
        if case.id.endswith("7"):
            assert sorted(np.unique(numbers).tolist()) == [0, 1, 2]
            assert set(mask[numbers == 1]) == {1}
            assert set(mask[numbers == 2]) == {80}
            assert set(mask[(numbers == 0) & (mask > 0)]) == {17}
