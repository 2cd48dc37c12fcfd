"""What lies in a folder of a data set."""

from collections.abc import Iterable
from pathlib import Path

from medsize.errors import InputError


def listed(folder: Path, expected: str, *, remedy: str | None = None) -> list[Path]:
    """Return what lies in a folder, sorted by name, without hidden files (``._x`` is what macOS adds to ``x``).

    Args:
        folder: The folder.
        expected: What it should be, for messages.
        remedy: Where it comes from, for messages.

    Raises:
        InputError: There is no such folder, or it may not be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "not a folder" if isinstance(error, NotADirectoryError) else "no such folder"
        raise InputError(f"{folder}: {what}", expected=expected, remedy=remedy) from error
    except OSError as error:
        raise InputError(
            f"{folder} cannot be read",
            expected=expected,
            found=error.strerror,
            remedy="change the folder's permissions",
        ) from error


def folders_among(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that are folders, or links to some.

    Raises:
        InputError: The folder above may not be entered.
    """
    return [path for path in paths if is_folder(path)]


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder.

    Raises:
        InputError: The folder above may not be entered.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read", found=error.strerror, remedy="change the permissions of the folder above it"
        ) from error


def shown(paths: Iterable[Path], most: int = 6) -> str:
    """Return the names of files for a message, the first few of them."""
    names = [path.name for path in paths]
    return f"{', '.join(names[:most])}{', …' if len(names) > most else ''}" or "an empty folder"
