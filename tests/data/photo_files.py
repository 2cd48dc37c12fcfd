"""Photos and masks of a few pixels, in the layouts of data sets."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PALETTE = [channel for value in range(256) for channel in (value * 37 % 256, value * 91 % 256, value * 53 % 256)]


def write_photo(
    path: Path, height: int = 24, width: int = 32, *, seed: int = 0, mask: np.ndarray | None = None
) -> Path:
    """A noisy photo; each class of a mask has a colour of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    classes = np.zeros((height, width), int) if mask is None else mask.astype(int)
    colours = np.stack([60 + classes * 41 % 160, 90 + classes * 77 % 120, 200 - classes * 23 % 150], axis=-1)
    Image.fromarray((colours + rng.normal(0, 6, colours.shape)).clip(0, 255).astype(np.uint8)).save(path)
    return path


def write_mask(path: Path, mask: np.ndarray) -> Path:
    """A mask with a palette, as VOC has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette(PALETTE)
    image.save(path)
    return path


def two_objects(seed: int, height: int = 24, width: int = 32, *, void: bool = True) -> np.ndarray:
    """A rectangle of one class beside one of another, with void around the first."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    top, left = rng.integers(2, 6, 2)
    if void:
        mask[top - 1 : top + 11, left - 1 : left + 9] = 255
    mask[top : top + 10, left : left + 8] = 1 + seed % 3
    mask[height - 8 : height - 2, width - 10 : width - 3] = 15
    return mask


def write_voc(root: Path, train: int = 6, val: int = 3) -> Path:
    """VOC's layout below ``root``, with lists of its own."""
    folder = root / "VOC2012"
    for split, count in (("trainaug", train), ("val", val)):
        names = [f"2007_{split}{number:02d}" for number in range(count)]
        for number, name in enumerate(names):
            mask = two_objects(number, void=split == "val")
            write_photo(folder / "JPEGImages" / f"{name}.jpg", seed=number, mask=np.where(mask == 255, 0, mask))
            where = "SegmentationClassAug" if split == "trainaug" else "SegmentationClass"
            write_mask(folder / where / f"{name}.png", mask)
        lists = folder / "ImageSets" / "Segmentation"
        lists.mkdir(parents=True, exist_ok=True)
        (lists / f"{split}.txt").write_text("\n".join(names) + "\n")
    return root


def rectangle(top: int, left: int, height: int, width: int) -> list[list[float]]:
    """A polygon as COCO writes it."""
    return [[left, top, left + width, top, left + width, top + height, left, top + height]]


def write_coco(root: Path, instances: dict[int, list[dict[str, Any]]], categories: dict[int, str], split: str) -> Path:
    """COCO's layout, 24 × 32 images numbered by the keys of ``instances``."""
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "height": 24, "width": 32} for n in instances]
    for number in instances:
        write_photo(root / split / f"{number:012d}.jpg", seed=number)
    annotations = [
        {"id": 100 * number + at, "image_id": number, "iscrowd": 0, "area": 50.0, **instance}
        for number, of_image in instances.items()
        for at, instance in enumerate(of_image)
    ]
    path = root / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"id": number, "name": name} for number, name in categories.items()]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": listed}))
    return path
