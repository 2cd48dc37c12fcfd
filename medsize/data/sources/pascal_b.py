"""PASCAL-B: photos of VOC's 20 classes from LVIS and COCO, with about as many instances of each class and size.

"Size-balanced evaluation" (P4), section 4. Its authors also took out images with wrong annotations by hand, and drew
images at random; here the draw is greedy and follows from a seed, so the set is of the same kind but not the same.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from medsize.data.photos import write_photo_label
from medsize.data.sources.coco_masks import AnnotatedImage, Annotations, mask_of, paint, read_annotations
from medsize.data.sources.voc import VOC_LABELS
from medsize.errors import InputError
from medsize.files import atomic_folder
from medsize.names import quoted

SIZES: Final = ("small", "medium", "large")
_LIMITS: Final = (32**2, 96**2)  # pixels, as COCO has them
_TRIED: Final = 50

_COCO_NAMES: Final = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}
_LVIS_NAMES: Final = {
    "aeroplane": "airplane",
    "bus": "bus_(vehicle)",
    "car": "car_(automobile)",
    "diningtable": "dining_table",
    "motorbike": "motorcycle",
    "train": "train_(railroad_vehicle)",
    "tvmonitor": "television_set",
}
_COCO_ONLY: Final = "pottedplant"

Cell = tuple[str, str]
"""Class and size."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that may be chosen.

    Attributes:
        image: With its instances.
        path: The image file.
        value_of: VOC's value of each category of its annotation file.
        cells: Number of instances of each class and size.
    """

    image: AnnotatedImage
    path: Path
    value_of: Mapping[int, int]
    cells: Counter[Cell]


def build_pascal_b(
    output: Path, *, lvis: Path, coco: Path, images: Path, per_cell: int, most_images: int, seed: int
) -> Counter[Cell]:
    """Choose the images and write their masks.

    Images with one of 19 classes come from LVIS, those with a potted plant, which LVIS lacks, from COCO; all other
    categories are background. Images of which LVIS does not outline every instance of one of the classes are left out.

    Args:
        output: A new folder: ``masks/`` (VOC's values), ``instances/`` (numbers from 1, of at most 255 instances),
            ``manifest.csv`` (absolute paths of the images) and ``counts.csv``.
        lvis: ``lvis_v1_val.json`` (or train).
        coco: ``instances_val2017.json`` (or another).
        images: The folder of the images, or of ``train2017`` and ``val2017``.
        per_cell: Instances wanted of each class and size.
        most_images: Choose no more images.
        seed: Of the order in which images are tried.

    Returns:
        The number of instances of each class and size that were chosen.

    Raises:
        InputError: A file cannot be used, images are not there, or pycocotools is not installed.
    """
    found = {candidate.path.name: candidate for candidate in _candidates(read_annotations(lvis), _LVIS_NAMES, images)}
    plants = _candidates(read_annotations(coco), _COCO_NAMES, images)
    found |= {one.path.name: one for one in plants if any(name == _COCO_ONLY for name, _ in one.cells)}
    if not found:
        raise InputError(f"no image of {lvis} or {coco} shows one of VOC's classes", expected=", ".join(VOC_LABELS))
    chosen = choose([found[name] for name in sorted(found)], per_cell=per_cell, most_images=most_images, seed=seed)
    with atomic_folder(output) as folder:
        _write(folder, chosen)
    return sum((candidate.cells for candidate in chosen), Counter())


def choose(candidates: Sequence[Candidate], *, per_cell: int, most_images: int, seed: int) -> list[Candidate]:
    """Choose images one by one, each for the class and size of which fewest instances were chosen so far.

    Of the images with such an instance (the first few in an order that the seed decides), the one is taken that adds
    least beyond ``per_cell`` to other classes and sizes. It ends when every class and size has ``per_cell`` instances
    or no image left.

    Args:
        candidates: The images.
        per_cell: Instances wanted of each class and size.
        most_images: Choose no more images.
        seed: Of the order.
    """
    order = np.random.default_rng(seed).permutation(len(candidates))
    waiting: dict[Cell, list[int]] = defaultdict(list)
    for number in order.tolist():
        for cell in candidates[number].cells:
            waiting[cell].append(number)
    counts: Counter[Cell] = Counter()
    chosen: list[int] = []
    taken: set[int] = set()
    while len(chosen) < most_images:
        for cell, numbers in waiting.items():
            waiting[cell] = [number for number in numbers if number not in taken]
        wanted = [cell for cell in sorted(waiting) if waiting[cell] and counts[cell] < per_cell]
        if not wanted:
            break
        rarest = min(wanted, key=lambda cell: counts[cell])
        number = min(waiting[rarest][:_TRIED], key=lambda number: _excess(candidates[number].cells, counts, per_cell))
        chosen.append(number)
        taken.add(number)
        counts += candidates[number].cells
    return [candidates[number] for number in chosen]


def _excess(cells: Counter[Cell], counts: Counter[Cell], per_cell: int) -> int:
    return sum(max(0, counts[cell] + number - max(per_cell, counts[cell])) for cell, number in cells.items())


def _candidates(annotations: Annotations, names: Mapping[str, str], images: Path) -> list[Candidate]:
    number_of = {name: number for number, name in annotations.categories.items()}
    value_of = {
        number_of[names.get(name, name)]: value
        for name, value in VOC_LABELS.items()
        if names.get(name, name) in number_of
    }
    name_of = {value: name for name, value in VOC_LABELS.items()}
    candidates: list[Candidate] = []
    missing: list[str] = []
    for image in annotations.images:
        cells = Counter(
            (name_of[value_of[instance["category_id"]]], _size(instance["area"], annotations.path))
            for instance in image.instances
            if instance["category_id"] in value_of and not instance.get("iscrowd", 0)
        )
        if not cells or set(image.incomplete) & value_of.keys():
            continue
        places = (images / below / image.file for below in (".", "train2017", "val2017"))
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            missing.append(image.file)
        else:
            candidates.append(Candidate(image, path, value_of, cells))
    if missing:
        raise InputError(
            f"{len(missing)} images of {annotations.path} are not there",
            expected=f"all of them in {images}, or in train2017 and val2017 there",
            found=f"no {', '.join(missing[:5])}",
        )
    return candidates


def _size(area: object, path: Path) -> str:
    if not isinstance(area, int | float) or not 0 <= area < float("inf"):
        raise InputError(f"{path}: an annotation has no area", expected="a number of pixels", found=quoted(str(area)))
    return SIZES[int(np.searchsorted(_LIMITS, area, side="right"))]


def _write(folder: Path, chosen: Sequence[Candidate]) -> None:
    for name in ("masks", "instances"):
        (folder / name).mkdir()
    rows = []
    for candidate in sorted(chosen, key=lambda candidate: candidate.path.name):
        name = candidate.path.stem
        write_photo_label(folder / "masks" / f"{name}.png", paint(candidate.image, candidate.value_of))
        write_photo_label(folder / "instances" / f"{name}.png", _instances(candidate))
        rows.append((name, candidate.path.resolve(), f"masks/{name}.png", f"instances/{name}.png", "test"))
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("case", "image", "label", "instances", "split"), *rows])
    counts = sum((candidate.cells for candidate in chosen), Counter[Cell]())
    with (folder / "counts.csv").open("w", encoding="utf-8", newline="") as file:
        table = [(name, *(counts[name, size] for size in SIZES)) for name in VOC_LABELS]
        csv.writer(file).writerows([("class", *SIZES), *table])


def _instances(candidate: Candidate) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Number the instances, the largest first and under the others, as masks are painted."""
    image = candidate.image
    masks = [
        mask_of(instance, image)
        for instance in image.instances
        if instance["category_id"] in candidate.value_of and not instance.get("iscrowd", 0)
    ]
    masks.sort(key=lambda mask: -int(np.count_nonzero(mask)))
    numbers = np.zeros((image.height, image.width), np.uint8)
    for number, mask in enumerate(masks[:255], start=1):
        numbers[mask] = number
    return numbers
