"""COCO 2014 and 2017: instances from ``annotations/instances_*.json``, painted once into masks of classes.

T.-Y. Lin et al., "Microsoft COCO: common objects in context", ECCV 2014.
"""

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Literal

from medsize import __version__
from medsize.data.case import Case
from medsize.data.folders import is_folder, listed
from medsize.data.sources.case_names import name_problems
from medsize.data.sources.coco_masks import Annotations, paint_masks, read_annotations, require_categories
from medsize.errors import InputError, InputErrors
from medsize.files import atomic_folder, remove_abandoned

COCO_CATEGORIES = {
    1: "person",
    2: "bicycle",
    3: "car",
    4: "motorcycle",
    5: "airplane",
    6: "bus",
    7: "train",
    8: "truck",
    9: "boat",
    10: "traffic light",
    11: "fire hydrant",
    13: "stop sign",
    14: "parking meter",
    15: "bench",
    16: "bird",
    17: "cat",
    18: "dog",
    19: "horse",
    20: "sheep",
    21: "cow",
    22: "elephant",
    23: "bear",
    24: "zebra",
    25: "giraffe",
    27: "backpack",
    28: "umbrella",
    31: "handbag",
    32: "tie",
    33: "suitcase",
    34: "frisbee",
    35: "skis",
    36: "snowboard",
    37: "sports ball",
    38: "kite",
    39: "baseball bat",
    40: "baseball glove",
    41: "skateboard",
    42: "surfboard",
    43: "tennis racket",
    44: "bottle",
    46: "wine glass",
    47: "cup",
    48: "fork",
    49: "knife",
    50: "spoon",
    51: "bowl",
    52: "banana",
    53: "apple",
    54: "sandwich",
    55: "orange",
    56: "broccoli",
    57: "carrot",
    58: "hot dog",
    59: "pizza",
    60: "donut",
    61: "cake",
    62: "chair",
    63: "couch",
    64: "potted plant",
    65: "bed",
    67: "dining table",
    70: "toilet",
    72: "tv",
    73: "laptop",
    74: "mouse",
    75: "remote",
    76: "keyboard",
    77: "cell phone",
    78: "microwave",
    79: "oven",
    80: "toaster",
    81: "sink",
    82: "refrigerator",
    84: "book",
    85: "clock",
    86: "vase",
    87: "scissors",
    88: "teddy bear",
    89: "hair drier",
    90: "toothbrush",
}
"""COCO's own numbers, 1 to 90 with gaps, and names of its 80 categories."""

COCO_LABELS = {name: value for value, name in enumerate(COCO_CATEGORIES.values(), start=1)}
"""The 80 classes and their values in the masks, 1 to 80 in the order of COCO's numbers."""

_FILE = re.compile(r"instances_(train|val)(2014|2017)\.json")
_LAYOUT = "annotations/instances_train2017.json (and val, or 2014) beside the folders train2017 and val2017"
_REMEDY = "COCO is at https://cocodataset.org/#download: train and val images, and their annotations"


def find_coco_cases(root: Path, year: Literal[2014, 2017] | None, cache: Path) -> list[Case]:
    """Find the annotated images, and paint their masks into ``cache`` if they are not there yet.

    How instances become one mask is said in :func:`~medsize.data.sources.coco_masks.paint`. Masks are PNGs of the
    images' own size, about 5 kB each (0.6 GB for all of COCO 2014), made once for each annotation file.

    Args:
        root: The folder that holds ``annotations``, or ``annotations`` itself.
        year: 2014 or 2017; may be None where the folder holds one of them.
        cache: Where the masks go.

    Returns:
        Cases of split ``train`` and ``val`` in the order of their ids; an image is its own group.

    Raises:
        InputError: There is no such data set, an annotation file is damaged, or images are not there.
        InputErrors: Names of images cannot be used.
    """
    folder = root.parent if root.name == "annotations" else root
    place = folder / "annotations"
    files = {path: _FILE.fullmatch(path.name) for path in (listed(place, _LAYOUT) if is_folder(place) else [])}
    years = sorted({int(match[2]) for match in files.values() if match})
    if not years or (year is not None and year not in years) or (year is None and len(years) > 1):
        raise InputError(
            f"{root} is not COCO" if not years else "which COCO is meant?",
            expected=_LAYOUT if not years else "data.source.year: one of " + " and ".join(map(str, years)),
            found=f"year {year}" if years and year else None,
            remedy=_REMEDY if not years else "--set data.source.year=2017, for example",
        )
    chosen = year or years[0]
    cases: list[Case] = []
    for path, match in files.items():
        if match and int(match[2]) == chosen:
            cases += _cases(path, folder / f"{match[1]}{match[2]}", match[1], cache)
    return sorted(cases, key=lambda case: case.id)


def _cases(annotations: Path, images: Path, split: str, cache: Path) -> list[Case]:
    painted = cache / f"objects-{annotations.stem}-{_digest(annotations)}"
    if not painted.is_dir():
        found = read_annotations(annotations)
        require_categories(found, COCO_CATEGORIES)
        _require_images(found, images, annotations)
        _require_names(found, images)
        remove_abandoned(cache)
        with atomic_folder(painted, existing="keep") as partial:
            paint_masks(partial, found, list(COCO_CATEGORIES))
            with (partial / "images.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([Path(image.file).stem, image.file] for image in found.images)
    with (painted / "images.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.reader(file))
    return [
        Case(
            id=name,
            group=name,
            image=images / file,
            label=painted / f"{name}.png",
            split=split,
            instances=painted / "instances" / f"{name}.png",
        )
        for name, file in listed
    ]


def _require_names(found: Annotations, images: Path) -> None:
    """Refuse names that two masks cannot have, before they are painted."""
    names = [(Path(image.file).stem, images / image.file) for image in found.images]
    if problems := name_problems(Case(id=name, group=name, image=path) for name, path in names):
        raise InputErrors(problems)


def _require_images(found: Annotations, images: Path, annotations: Path) -> None:
    there = {path.name for path in listed(images, _LAYOUT)} if is_folder(images) else set()
    missing = [image.file for image in found.images if image.file not in there]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(found.images)} images of {annotations} are not there",
            expected=f"all of them in {images}",
            found="no such folder" if not is_folder(images) else f"no {', '.join(missing[:5])}",
            remedy=_REMEDY,
        )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read", expected=_LAYOUT, found=error.strerror) from error
    return hashlib.sha256(json.dumps([content, __version__]).encode()).hexdigest()[:16]
