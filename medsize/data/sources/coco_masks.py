"""Annotated instances, painted into masks of classes."""

import json
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medsize.console import progress_bar
from medsize.data.photos import write_photo_label
from medsize.errors import InputError

_MOST_NUMBERS: Final = 254


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image of an annotation file.

    Attributes:
        file: Name of the image file.
        height: In pixels.
        width: In pixels.
        instances: Its annotations, as the file gives them.
        incomplete: Numbers of categories of which it does not outline every instance (LVIS says so).
    """

    file: str
    height: int
    width: int
    instances: tuple[Mapping[str, Any], ...]
    incomplete: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotations:
    """The content of an annotation file.

    Attributes:
        path: The file.
        images: Its images, in the order of their numbers, those without an instance too.
        categories: Number and name of each category.
    """

    path: Path
    images: list[AnnotatedImage]
    categories: dict[int, str]


def read_annotations(path: Path) -> Annotations:
    """Read a file of instances.

    Args:
        path: A JSON with ``images``, ``annotations`` and ``categories``.

    Raises:
        InputError: The file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        named = {int(category["id"]): str(category["name"]) for category in content["categories"]}
        instances: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for instance in content["annotations"]:
            instances[instance["image_id"]].append(instance)
        images = [
            AnnotatedImage(
                str(image.get("file_name") or Path(image["coco_url"]).name),
                int(image["height"]),
                int(image["width"]),
                tuple(instances[image["id"]]),
                tuple(image.get("not_exhaustive_category_ids", ())),
            )
            for image in sorted(content["images"], key=lambda image: int(image["id"]))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} cannot be read",
            expected="a JSON file with images, annotations and categories",
            found=f"no {error}" if isinstance(error, KeyError) else str(error),
            remedy="download it again",
        ) from error
    return Annotations(path, images, named)


def require_categories(found: Annotations, categories: Mapping[int, str]) -> None:
    """Raise InputError if an annotation file has other categories, or other numbers for them."""
    strange = {number: name for number, name in found.categories.items() if categories.get(number) != name}
    if strange:
        raise InputError(
            f"{found.path} has other categories",
            expected=", ".join(f"{number} {name}" for number, name in list(categories.items())[:5]) + ", …",
            found=", ".join(f"{number} {name}" for number, name in list(strange.items())[:5]),
        )


def paint_masks(folder: Path, annotations: Annotations, categories: Sequence[int]) -> None:
    """Write the mask of every image, ``<image>.png``, with values 1, 2, … in the order of ``categories``.

    In ``instances/`` below are the maps of their objects.

    Raises:
        InputError: pycocotools is not installed, an outline is damaged, or the disk is full.
    """
    value_of = {number: value for value, number in enumerate(categories, start=1)}
    (folder / "instances").mkdir()
    with progress_bar("Painting masks") as moved:
        for done, image in enumerate(annotations.images, start=1):
            try:
                mask, numbers = paint_objects(image, value_of)
            except InputError:
                raise
            except Exception as error:  # pycocotools raises nothing more particular
                raise InputError(
                    f"{annotations.path}: an outline in {image.file} is damaged", found=str(error)
                ) from error
            write_photo_label(folder / f"{Path(image.file).stem}.png", mask)
            write_photo_label(folder / "instances" / f"{Path(image.file).stem}.png", numbers)
            moved(done, len(annotations.images))


def paint(image: AnnotatedImage, value_of: Mapping[int, int]) -> NDArray[np.uint8]:
    """Return the mask of an image, (H, W).

    The rule: regions of crowds first, then single instances from the largest to the smallest (by painted pixels,
    equal ones in the order of their numbers), each over the ones before. So what is small and usually in front
    stays, and a crowd counts as its class where no single instance lies.

    Args:
        image: With its instances, polygons or run lengths.
        value_of: From a category's number to its value; other categories are left out.

    Raises:
        InputError: pycocotools is not installed.
    """
    return paint_objects(image, value_of)[0]


def paint_objects(image: AnnotatedImage, value_of: Mapping[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the mask of an image, as :func:`paint`, and the numbers of its instances in it, (H, W) both.

    The numbers are 1, 2, …; crowds have none, nor have instances beyond the 254th.
    """
    drawn = [
        (instance, mask_of(instance, image)) for instance in image.instances if instance["category_id"] in value_of
    ]
    drawn.sort(key=lambda item: (not item[0].get("iscrowd", 0), -np.count_nonzero(item[1]), item[0]["id"]))
    painted, numbers = np.zeros((2, image.height, image.width), np.uint8)
    number = 0
    for instance, mask in drawn:
        painted[mask] = value_of[instance["category_id"]]
        number += not instance.get("iscrowd", 0)
        numbers[mask] = 0 if instance.get("iscrowd", 0) or number > _MOST_NUMBERS else number
    return painted, numbers


def mask_of(instance: Mapping[str, Any], image: AnnotatedImage) -> NDArray[np.bool_]:
    """Return the pixels of one instance, (H, W), from its polygons or its run lengths.

    Raises:
        InputError: pycocotools is not installed.
    """
    try:
        from pycocotools import mask as masks
    except ImportError as error:
        raise InputError(
            "COCO's outlines need pycocotools, which is not installed", remedy="pip install 'medsize[coco]'"
        ) from error
    outline = instance["segmentation"]
    if not outline:
        return np.zeros((image.height, image.width), np.bool_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools asks numpy for copies in the old way
        if isinstance(outline, list):
            runs = masks.merge(masks.frPyObjects(outline, image.height, image.width))
        elif isinstance(outline["counts"], list):
            runs = masks.frPyObjects(outline, image.height, image.width)
        else:
            runs = outline
        return np.asarray(masks.decode(runs), np.bool_)
