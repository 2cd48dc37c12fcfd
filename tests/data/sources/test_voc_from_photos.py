"""Real photos in VOC's layout: no VOC is at hand, so COCO's photos get masks with VOC's values, palette and void."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from scipy import ndimage

from medsize.config.data import PhotoPreprocessing
from medsize.data.geometry import grid_for
from medsize.data.sources.voc import VOC_LABELS, find_voc_cases
from medsize.data.store import open_store

RENAMED = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def vocs_palette() -> list[int]:
    """The colours of VOC's own masks: the bits of the value, dealt to red, green and blue from the highest down."""
    palette = np.zeros((256, 3), int)
    for value in range(256):
        for place in range(3):
            for channel in range(3):
                palette[value, channel] |= (value >> (3 * place + channel) & 1) << (7 - place)
    return palette.flatten().tolist()


def test_the_palette_is_vocs() -> None:
    palette = np.reshape(vocs_palette(), (256, 3))
    assert palette[[1, 2, 15, 20, 255]].tolist() == [
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [0, 64, 128],
        [224, 224, 192],
    ]


def masks_of(coco: COCO) -> dict[str, np.ndarray]:
    """VOC's values by the name of the photo, a void border of 5 pixels around every object."""
    values = {RENAMED.get(voc, voc): value for voc, value in VOC_LABELS.items()}
    found = {}
    for number, image in coco.imgs.items():
        mask = np.zeros((image["height"], image["width"]), np.uint8)
        void = np.zeros(mask.shape, bool)
        for one in coco.imgToAnns[number]:
            value = values.get(coco.cats[one["category_id"]]["name"])
            if value is None or one["iscrowd"]:
                continue
            drawn = coco.annToMask(one) > 0
            mask[drawn] = value
            void |= ndimage.binary_dilation(drawn, iterations=2) & ~ndimage.binary_erosion(drawn, iterations=2)
        mask[void] = 255
        found[image["file_name"]] = mask
    return found


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools on numpy 2
def test_real_photos_in_vocs_layout_have_21_classes_and_sizes_without_void(test_data: Path, tmp_path: Path) -> None:
    source = test_data / "coco"
    masks = masks_of(COCO(next(source.glob("annotations/instances_*.json"))))
    photos = {path.name: path for path in source.rglob("*.jpg")}
    names = sorted(masks)
    for name in names:
        for folder in ("JPEGImages", "SegmentationClass"):
            (tmp_path / "VOC2012" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "VOC2012/JPEGImages" / name).write_bytes(photos[name].read_bytes())
        drawn = Image.fromarray(masks[name], mode="P")
        drawn.putpalette(vocs_palette())
        drawn.save(tmp_path / "VOC2012/SegmentationClass" / name.replace(".jpg", ".png"))
    lists = tmp_path / "VOC2012/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    stems = [Path(name).stem for name in names]
    (lists / "train.txt").write_text("\n".join(stems[:60]), "utf-8")
    (lists / "val.txt").write_text("\n".join(stems[60:]), "utf-8")
    cases = find_voc_cases(tmp_path, "train")
    preprocessing = PhotoPreprocessing(name="photo", size=128)
    store = open_store(cases, VOC_LABELS, tuple(VOC_LABELS), preprocessing, tmp_path / "cache")
    assert store.classes == 21
    shown = set()
    for case in cases:
        mask = masks[f"{case.id}.jpg"]
        told = mask[mask != 255]
        (row,) = store.rows([case.id])
        expected = np.bincount(told, minlength=21)[1:21] / told.size
        np.testing.assert_allclose(store.fractions[row], expected, atol=1e-7)
        grid = grid_for(preprocessing, mask.shape, (1.0, 1.0))
        np.testing.assert_array_equal(store.labels[row], grid.resample(mask[:, :, None], 0)[:, :, 0])
        shown |= set(np.unique(told).tolist())
    assert len(shown) > 15, "the photos show most of the classes"
