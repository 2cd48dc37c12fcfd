"""A folder of photos and a folder of masks, as salient-object data sets come (ECSSD)."""

from pathlib import Path

from medsize.config.data import FolderSource
from medsize.data.case import Case
from medsize.data.photos import PHOTO_SUFFIXES, is_photo
from medsize.errors import InputError


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
    lonely = sorted(masks.keys() - images.keys())
    if lonely:
        raise InputError(
            f"{len(lonely)} of the {len(masks)} masks have no photo",
            expected=f"a photo of the same name in {root / source.images}",
            found=f"none for {', '.join(lonely[:5])}{', …' if len(lonely) > 5 else ''}",
        )
    return [Case(id=name, group=name, image=path, label=masks.get(name)) for name, path in sorted(images.items())]


def _files(folder: Path) -> dict[str, Path]:
    files = sorted(path for path in folder.iterdir() if is_photo(path)) if folder.is_dir() else []
    if not files:
        raise InputError(
            f"{folder} holds no photos" if folder.is_dir() else f"{folder}: no such folder",
            expected=f"files that end in {', '.join(PHOTO_SUFFIXES)}",
            remedy="--data-root is the folder above; data.source.images and data.source.masks name the two in it",
        )
    named: dict[str, Path] = {}
    for path in files:
        if path.stem in named:
            raise InputError(f"{folder} has two files named {path.stem}", found=f"{named[path.stem].name}, {path.name}")
        named[path.stem] = path
    return named
