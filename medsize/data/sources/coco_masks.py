"""Annotated instances, painted into masks of classes."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medsize.console import progress_bar
from medsize.data.photos import write_photo_label
from medsize.errors import InputError
from medsize.names import quoted
from medsize.text import read_json

_MOST_NUMBERS: Final = 254
_MOST_BYTES: Final = 2 * 2**30  # COCO 2014's training instances are 0.45 GB, LVIS's 1.1 GB
_MOST_SIDE, _MOST_PIXELS = 65_500, 178_956_970  # of a JPEG, and what Pillow reads
_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_EXPECTED: Final = "a JSON file with images, annotations and categories"


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
    content = read_json(path, _EXPECTED, most_bytes=_MOST_BYTES)
    try:
        return _annotations(path, content)
    except _Wrong as error:
        raise InputError(
            f"{path} cannot be read", expected=_EXPECTED, found=str(error), remedy="download it again"
        ) from error


class _Wrong(Exception):
    """What is wrong in an annotation file, and where."""


def _annotations(path: Path, content: Any) -> Annotations:
    named = {
        _number(category, "id", where): _text(category, "name", where)
        for where, category in _entries(content, "categories")
    }
    instances: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for where, instance in _entries(content, "annotations"):
        number = _number(instance, "category_id", where)
        if number not in named:
            raise _Wrong(f"{where}: the category {number}, which is not among categories")
        usable = {
            "id": _number(instance, "id", where),
            "category_id": number,
            "iscrowd": _number(instance, "iscrowd", where) if "iscrowd" in instance else 0,
            "segmentation": instance.get("segmentation"),
            "area": instance.get("area"),
        }
        instances[_number(instance, "image_id", where)].append(usable)
    images: dict[int, AnnotatedImage] = {}
    for where, image in _entries(content, "images"):
        number = _number(image, "id", where)
        if number in images:
            raise _Wrong(f"{where}: the id {number} a second time")
        images[number] = _image(image, where, tuple(instances[number]))
    return Annotations(path, [images[number] for number in sorted(images)], named)


def _image(image: Mapping[str, Any], where: str, instances: tuple[Mapping[str, Any], ...]) -> AnnotatedImage:
    file = _text(image, "file_name", where) if image.get("file_name") else Path(_text(image, "coco_url", where)).name
    height, width = _number(image, "height", where), _number(image, "width", where)
    if not 1 <= height <= _MOST_SIDE or not 1 <= width <= _MOST_SIDE or height * width > _MOST_PIXELS:
        raise _Wrong(f"{where}: {width} × {height} pixels")
    incomplete = image.get("not_exhaustive_category_ids", ())
    if not isinstance(incomplete, list | tuple) or not all(isinstance(number, int) for number in incomplete):
        raise _Wrong(f"{where}: not_exhaustive_category_ids that are no numbers")
    return AnnotatedImage(file, height, width, instances, tuple(incomplete))


def _entries(content: Any, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the entries of one of the lists, each with where it stands."""
    if not isinstance(content, dict) or not isinstance(content.get(name), list):
        raise _Wrong(f"no list '{name}'")
    for at, entry in enumerate(content[name]):
        where = f"entry {at} of {name}"
        if not isinstance(entry, dict):
            raise _Wrong(f"{where}: {quoted(str(entry)[:60])}")
        yield where, entry


def _number(entry: Mapping[str, Any], name: str, where: str) -> int:
    """Return a whole number, which some tools write as a text or with decimals."""
    value = entry.get(name)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if not isinstance(value, int):
        raise _Wrong(f"{where}: {f'{name} is {quoted(str(value)[:60])}' if name in entry else f'no {name}'}")
    return int(value)


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise _Wrong(f"{where}: {f'{name} is {quoted(str(value)[:60])}' if name in entry else f'no {name}'}")
    return value


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
            mask, numbers = paint_objects(image, value_of)
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
        InputError: As :func:`mask_of`.
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
        InputError: The outline is damaged, or pycocotools is not installed.
    """
    outline = instance["segmentation"]
    try:
        if isinstance(outline, dict):
            return _of_runs(outline, image)
        if not isinstance(outline, list):
            raise _Wrong("neither polygons nor run lengths")
        return _of_polygons([_polygon(polygon, image) for polygon in outline], image)
    except _Wrong as error:
        raise InputError(
            f"an outline in {image.file} is damaged", found=f"annotation {instance['id']}: {error}"
        ) from error


def _of_polygons(polygons: list[list[float]], image: AnnotatedImage) -> NDArray[np.bool_]:
    if not polygons:
        return np.zeros((image.height, image.width), np.bool_)
    try:
        from pycocotools import mask as masks
    except ImportError as error:
        raise InputError(
            "COCO's outlines need pycocotools, which is not installed", remedy="pip install 'medsize[coco]'"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools asks numpy for copies in the old way
        runs = masks.merge(masks.frPyObjects(polygons, image.height, image.width))
        return np.asarray(masks.decode(runs), np.bool_)


def _polygon(polygon: Any, image: AnnotatedImage) -> list[float]:
    """Return the numbers of a polygon, x and y by turns, after checks: pycocotools has none."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise _Wrong("a polygon that is not x and y of three points or more")
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in polygon):
        raise _Wrong("a polygon with something that is no number")
    for name, length, numbers in (("x", image.width, polygon[::2]), ("y", image.height, polygon[1::2])):
        outside = [number for number in numbers if not -length <= number <= 2 * length]  # NaN too
        if outside:
            raise _Wrong(f"a polygon far outside of the image, {name} = {float(min(outside[0], 1e300)):g}")
    return [float(number) for number in polygon]


def _of_runs(outline: Mapping[str, Any], image: AnnotatedImage) -> NDArray[np.bool_]:
    """Return a mask from its run lengths: pixels without and with the object by turns, column by column."""
    counts, size = outline.get("counts"), outline.get("size")
    if size != [image.height, image.width]:
        raise _Wrong(f"run lengths of another size than the image's {image.width} × {image.height}")
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise _Wrong("run lengths that are no whole numbers")
    if sum(runs) != image.height * image.width:
        raise _Wrong(f"run lengths of {sum(runs)} pixels for {image.height * image.width}")
    inside = np.arange(len(runs)) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, runs).reshape(image.width, image.height).T)


def _unpacked(counts: str) -> list[int]:
    """Return run lengths from COCO's text: five bits a letter, the lowest first, the sign in the last.

    From the third on, each is the difference to the one before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in counts:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise _Wrong("damaged run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits >> 4 & 1) << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise _Wrong("damaged run lengths")
    return runs
