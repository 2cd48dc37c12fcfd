"""What lies in a folder of a data set."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from medsize.errors import InputError
from medsize.names import name_finder


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


def broken_link(path: Path) -> bool:
    """Tell whether a path is a link to a file that is not there."""
    return path.is_symlink() and not path.exists()


def link_problem(path: Path) -> InputError:
    """Return what to say of such a link."""
    return InputError(
        f"{path} is a link to a file that is not there",
        found=str(path.readlink()),
        remedy="fetch or copy the file that it stands for (of DataLad or git-annex: 'datalad get')",
    )


def files_of(folder: Path, cases: Iterable[str], endings: Sequence[str]) -> dict[str, Path | None]:
    """Find a file for each case, named after it, whichever way its accents are written.

    Args:
        folder: Where the files are.
        cases: The cases.
        endings: What follows the name of the case, the first that is there counts.

    Returns:
        None for a case without a file; for all of them if there is no such folder.

    Raises:
        InputError: The folder may not be read, or a file is a link to one that is not there.
    """
    there = {path.name: path for path in (listed(folder, "files of the cases") if is_folder(folder) else [])}
    find = name_finder(there)
    found: dict[str, Path | None] = {}
    for case in cases:
        name = next((name for ending in endings if (name := find(f"{case}{ending}"))), None)
        found[case] = there[name] if name else None
        if name and broken_link(there[name]):
            raise link_problem(there[name])
    return found


def shown(paths: Iterable[Path], most: int = 6) -> str:
    """Return the names of files for a message, the first few of them."""
    names = [path.name for path in paths]
    return f"{', '.join(names[:most])}{', …' if len(names) > most else ''}" or "an empty folder"
