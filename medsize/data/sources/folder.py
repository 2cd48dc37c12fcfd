"""A folder of images and a folder of masks: photos as salient-object data sets come (ECSSD), or volumes."""

from pathlib import Path
from typing import Final

from medsize.config.data import FolderSource
from medsize.data.case import Case
from medsize.data.folders import listed
from medsize.data.formats import ITK_SUFFIXES, NIFTI_SUFFIXES
from medsize.data.photos import PHOTO_SUFFIXES
from medsize.errors import InputError
from medsize.names import name_finder, name_key

_SUFFIXES: Final = sorted(PHOTO_SUFFIXES + NIFTI_SUFFIXES + ITK_SUFFIXES, key=len, reverse=True)


def find_folder_cases(source: FolderSource, root: Path) -> list[Case]:
    """Pair images and masks by their names without the suffix.

    Args:
        source: Names of the folders.
        root: The folder that holds both.

    Returns:
        The cases in the order of their names; an image is its own group, and one without a mask has no label.

    Raises:
        InputError: A folder is not there or empty, two images (or masks) share a name, or a mask has no image.
    """
    images, masks = (_files(root / name) for name in (source.images, source.masks))
    image_of = name_finder(images)
    paired = {image_of(name) or "": path for name, path in masks.items()}
    lonely = sorted(name for name in masks if image_of(name) is None)
    if lonely:
        raise InputError(
            f"{len(lonely)} of the {len(masks)} masks have no image",
            expected=f"an image of the same name in {root / source.images}",
            found=f"none for {', '.join(lonely[:5])}{', …' if len(lonely) > 5 else ''}",
        )
    return [Case(id=name, group=name, image=path, label=paired.get(name)) for name, path in images.items()]


def _files(folder: Path) -> dict[str, Path]:
    expected = f"files that end in {', '.join(PHOTO_SUFFIXES + NIFTI_SUFFIXES + ITK_SUFFIXES)}"
    remedy = "--data-root is the folder above; data.source.images and data.source.masks name the two in it"
    files = [(path, suffix) for path in listed(folder, expected, remedy=remedy) if (suffix := _suffix(path))]
    if not files:
        raise InputError(f"{folder} holds no images", expected=expected, remedy=remedy)
    named: dict[str, Path] = {}
    keys: dict[str, str] = {}
    for path, suffix in files:
        name = path.name.removesuffix(suffix)
        other = keys.setdefault(name_key(name), name)
        if other in named:
            raise InputError(
                f"{folder} has two files named {name}",
                found=f"{named[other].name}, {path.name}",
                remedy="remove or rename one: names that differ by upper and lower case alone are one elsewhere",
            )
        named[name] = path
    return named


def _suffix(path: Path) -> str | None:
    """Return how the name of an image ends, as it is written; None if it is no image's."""
    name = path.name.lower()
    return next((path.name[-len(suffix) :] for suffix in _SUFFIXES if name.endswith(suffix)), None)
