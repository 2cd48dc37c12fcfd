import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as masks

from medsize.data.sources.coco_masks import AnnotatedImage, mask_of, paint_masks, paint_objects, read_annotations
from medsize.errors import InputError
from tests.fuzzing import fuzz

SQUARE = [[2.0, 1.0, 8.0, 1.0, 8.0, 5.0, 2.0, 5.0]]
RUNS = {"size": [6, 9], "counts": [0, 6, 48]}
CONTENT: dict[str, Any] = {
    "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
    "images": [{"id": 7, "file_name": "7.jpg", "height": 6, "width": 9}],
    "annotations": [
        {"id": 70, "image_id": 7, "category_id": 18, "iscrowd": 0, "area": 24.0, "segmentation": SQUARE},
        {
            "id": 71,
            "image_id": 7,
            "category_id": 1,
            "iscrowd": 1,
            "segmentation": {"size": [6, 9], "counts": [0, 6, 48]},
        },
    ],
}


def written(folder: Path, content: object) -> Path:
    (folder / "instances.json").write_text(json.dumps(content), "utf-8")
    return folder / "instances.json"


def changed(where: tuple[str | int, ...], value: object) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    entry: Any = content
    for part in where[:-1]:
        entry = entry[part]
    entry[where[-1]] = value
    return content


def test_a_file_is_read_with_the_instances_of_each_image(tmp_path: Path) -> None:
    path = written(tmp_path, CONTENT)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    found = read_annotations(path)
    (image,) = found.images
    assert found.categories == {1: "person", 18: "dog"}
    assert (image.file, image.height, image.width, [one["id"] for one in image.instances]) == ("7.jpg", 6, 9, [70, 71])


@pytest.mark.parametrize("number", ["7", 7.0])
def test_numbers_as_texts_or_with_decimals_name_the_same_image(tmp_path: Path, number: object) -> None:
    for where in (("images", 0, "id"), ("annotations", 0, "image_id")):
        (image,) = read_annotations(written(tmp_path, changed(where, number))).images
        assert len(image.instances) == 2


@pytest.mark.parametrize(
    ("where", "value", "found"),
    [
        (("images",), {}, "no list 'images'"),
        (("images", 0), "7.jpg", "entry 0 of images: '7.jpg'"),
        (("images", 0, "id"), 7.5, "entry 0 of images: id is '7.5'"),
        (("images", 0, "id"), "9" * 50, "id is '9{50}'"),
        (("images", 0, "height"), 10**400, "9 × 1000"),
        (("images", 0, "width"), 0, "0 × 6 pixels"),
        (("images", 0, "file_name"), 7, "file_name is '7'"),
        (("images", 0, "not_exhaustive_category_ids"), ["x"], "not_exhaustive_category_ids"),
        (("images",), CONTENT["images"] * 2, "entry 1 of images: the id 7 a second time"),
        (("annotations", 1, "category_id"), 91, "entry 1 of annotations: the category 91"),
        (("annotations", 1, "image_id"), [7], r"image_id is '\[7\]'"),
        (("categories", 0, "name"), None, "name is 'None'"),
    ],
)
def test_what_an_entry_cannot_say_is_named_with_its_place(
    tmp_path: Path, where: tuple[str | int, ...], value: object, found: str
) -> None:
    with pytest.raises(InputError, match=rf"instances\.json cannot be read(.|\n)*found: +.*{found}"):
        read_annotations(written(tmp_path, changed(where, value)))


@pytest.mark.parametrize(
    ("outline", "found"),
    [
        ([[1, 2, 3, 4]], "three points or more"),
        ([[1, 2, 3, 4, 5, 6, 7]], "x and y"),
        ([[1, 2, 3, 4, 5, "6"]], "something that is no number"),
        ([[1, 2, 3, 4, 1e12, 6]], "far outside of the image, x = 1e\\+12"),
        ([[1, 2, 3, 4, 5, math.nan]], "y = nan"),
        ([7], "three points or more"),
        (None, "neither polygons nor run lengths"),
        ({"size": [9, 6], "counts": [54]}, "another size"),
        ({"size": [6, 9], "counts": [53]}, "53 pixels for 54"),
        ({"size": [6, 9], "counts": [60, -6]}, "no whole numbers"),
        ({"size": [6, 9], "counts": [54.0]}, "no whole numbers"),
        ({"size": [6, 9], "counts": "!"}, "damaged run lengths"),
        ({"size": [6, 9], "counts": "o"}, "damaged run lengths"),
        ({"size": [6, 9]}, "no whole numbers"),
    ],
)
def test_a_damaged_outline_is_named_with_its_annotation(outline: object, found: str) -> None:
    image = AnnotatedImage("7.jpg", 6, 9, ())
    with pytest.raises(InputError, match=rf"an outline in 7\.jpg is damaged\n  found:    annotation 70: .*{found}"):
        mask_of({"id": 70, "segmentation": outline}, image)


@fuzz()
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_run_lengths_are_those_of_cocos_own_tools(height: int, width: int, seed: int, smooth: bool) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.random()
    if smooth:
        mask[:] = mask[:, :1]
    packed = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    flat = mask.ravel(order="F").astype(int)
    ends = np.flatnonzero(np.diff(flat)) + 1
    plain = np.diff([0, *ends.tolist(), flat.size]).tolist()
    image = AnnotatedImage("a.jpg", height, width, ())
    for counts in (packed["counts"].decode(), [0, *plain] if flat[0] else plain):
        found = mask_of({"id": 1, "segmentation": {"size": [height, width], "counts": counts}}, image)
        np.testing.assert_array_equal(found, mask)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([7, 1, 18, 6, 9, 70]),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["size", "counts", "id"]), inner),
    max_leaves=8,
)
PLACES = [
    ("images",), ("images", 0), ("annotations",), ("annotations", 0), ("categories",), ("categories", 0),
    *[("images", 0, name) for name in CONTENT["images"][0]], ("images", 0, "not_exhaustive_category_ids"),
    *[("annotations", 0, name) for name in CONTENT["annotations"][0]], ("annotations", 0, "segmentation", 0),
    ("annotations", 0, "segmentation", 0, 3), ("annotations", 1, "segmentation", "counts"),
    ("annotations", 1, "segmentation", "counts", 1), ("annotations", 1, "segmentation", "size"),
    *[("categories", 0, name) for name in CONTENT["categories"][0]],
]  # fmt: skip


@fuzz()
@given(st.sampled_from(PLACES), JSON)
def test_any_json_is_painted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, where: tuple[str | int, ...], value: object
) -> None:
    path = written(tmp_path_factory.getbasetemp(), changed(where, value))
    try:
        found = read_annotations(path)
        for image in found.images:
            if image.height * image.width > 10**6:
                continue  # right, and slow to paint
            mask, numbers = paint_objects(image, {1: 1, 18: 2})
            assert mask.shape == numbers.shape == (image.height, image.width)
            assert set(np.unique(mask).tolist()) <= {0, 1, 2}
    except InputError:
        return


@fuzz()
@given(JSON)
def test_any_json_is_a_file_of_annotations_or_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_annotations(written(tmp_path_factory.getbasetemp(), value))


def test_a_damaged_outline_ends_the_painting_with_its_image(tmp_path: Path) -> None:
    found = read_annotations(written(tmp_path, changed(("annotations", 0, "segmentation"), [[1, 2]])))
    with pytest.raises(InputError, match=r"an outline in 7\.jpg is damaged"):
        paint_masks(tmp_path, found, [1, 18])
