"""A folder of photos and a folder of masks, as salient-object data sets come (ECSSD)."""

from pathlib import Path

from medsize.config.data import FolderSource
from medsize.data.case import Case
from medsize.data.folders import listed
from medsize.data.photos import PHOTO_SUFFIXES, is_photo
from medsize.errors import InputError
from medsize.names import name_finder, name_key


def find_folder_cases(source: FolderSource, root: Path) -> list[Case]:
    """Pair photos and masks by their names without the suffix.

    Args:
        source: Names of the folders.
        root: The folder that holds both.

    Returns:
        The cases in the order of their names; a photo is its own group, and one without a mask has no label.

    Raises:
        InputError: A folder is not there or empty, two photos (or masks) share a name, or a mask has no photo.
    """
    images, masks = (_files(root / name) for name in (source.images, source.masks))
    photo_of = name_finder(images)
    paired = {photo_of(name) or "": path for name, path in masks.items()}
    lonely = sorted(name for name in masks if photo_of(name) is None)
    if lonely:
        raise InputError(
            f"{len(lonely)} of the {len(masks)} masks have no photo",
            expected=f"a photo of the same name in {root / source.images}",
            found=f"none for {', '.join(lonely[:5])}{', …' if len(lonely) > 5 else ''}",
        )
    return [Case(id=name, group=name, image=path, label=paired.get(name)) for name, path in images.items()]


def _files(folder: Path) -> dict[str, Path]:
    expected = f"files that end in {', '.join(PHOTO_SUFFIXES)}"
    remedy = "--data-root is the folder above; data.source.images and data.source.masks name the two in it"
    files = [path for path in listed(folder, expected, remedy=remedy) if is_photo(path)]
    if not files:
        raise InputError(f"{folder} holds no photos", expected=expected, remedy=remedy)
    named: dict[str, Path] = {}
    keys: dict[str, str] = {}
    for path in files:
        other = keys.setdefault(name_key(path.stem), path.stem)
        if other in named:
            raise InputError(
                f"{folder} has two files named {path.stem}",
                found=f"{named[other].name}, {path.name}",
                remedy="remove or rename one: names that differ by upper and lower case alone are one elsewhere",
            )
        named[path.stem] = path
    return named
