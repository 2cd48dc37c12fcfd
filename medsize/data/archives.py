"""Unpacking a ``.zip`` that may come from anywhere."""

import re
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from medsize.errors import InputError
from medsize.files import writing

_MOST_FILES: Final = 200_000
_MOST_BYTES: Final = 64 * 2**30
_MOST_RATIO: Final = 200
"""Times that an archive may grow; images shrink two to ten times, zip bombs a thousand times and more."""
_SMALL: Final = 64 * 2**20
_ENCRYPTED: Final = 0x1
_NAME_IS_UTF_8: Final = 0x800
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def unpack(path: Path, folder: Path) -> list[str]:
    """Unpack an archive into a new folder, and into nothing else.

    The folders of the archive are kept, also those that Windows wrote with backslashes. Hidden files and what macOS
    adds (``__MACOSX``, ``._x``) are left out. Links become plain files, so none leads anywhere. An archive is unpacked
    whole or not at all: a series that lacks a damaged plane would be a smaller heart.

    Args:
        path: The archive.
        folder: Made; only this user may read it.

    Returns:
        The names of empty files, which are not unpacked: an archive may list any number of them in no room at all.

    Raises:
        InputError: It is no archive, is damaged or encrypted, has names that lead out of the folder, or would take
            more room than is sensible or than there is; nothing is left in the folder then.
    """
    try:
        with zipfile.ZipFile(path) as archive, writing(folder):
            named = [(member, _name(member)) for member in archive.infolist()]
            files = {name: member for member, name in named if not name.endswith("/")}
            if len(files) < sum(not name.endswith("/") for _, name in named):
                raise zipfile.BadZipFile("two files of one name")
            _check(path, files, folder.parent)
            folder.mkdir(mode=0o700)
            shown = {name: member for name, member in files.items() if not _is_hidden(name)}
            for name, member in shown.items():
                if member.file_size:
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, target.open("xb") as file:
                        shutil.copyfileobj(source, file, 2**20)
            return [name for name, member in shown.items() if not member.file_size]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(
            f"{path} cannot be unpacked",
            expected="a whole .zip file",
            found=str(error),
            remedy="copy it again, or unpack it yourself and name the folder",
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _name(member: zipfile.ZipInfo) -> str:
    """Return the name of a file in an archive with ``/`` between folders, and at the end of a folder.

    Archives are to say where they write names in UTF-8. Many do not say it, which Python takes for code page 437; text
    that is no UTF-8 does not happen to look like it.
    """
    name = member.filename
    if not member.flag_bits & _NAME_IS_UTF_8:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = member.filename
    return name.replace("\\", "/")


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _check(path: Path, files: dict[str, zipfile.ZipInfo], disk: Path) -> None:
    members = files.values()
    leading = next((name for name in files if _leads_out(name)), None)
    if leading is not None:
        raise _refused(path, "names of files inside it", repr(leading))
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise _refused(path, "an archive without a password", "encrypted files")
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    free = shutil.disk_usage(disk).free
    if len(members) > _MOST_FILES or size > _MOST_BYTES:
        most = f"at most {_MOST_FILES:,} files and {_MOST_BYTES // 2**30} GiB"
        raise _refused(path, most, f"{len(members):,} files of {size / 2**30:.1f} GiB")
    if size > _SMALL and size > _MOST_RATIO * packed:
        raise _refused(
            path, "images", f"{size / 2**20:,.0f} MiB packed into {packed / 2**20:,.1f} MiB, as in a zip bomb"
        )
    if size > free:
        raise _refused(path, f"room for {size / 2**30:.1f} GiB in {disk}", f"{free / 2**30:.1f} GiB free")


def _leads_out(name: str) -> bool:
    pure = PurePosixPath(name)
    return pure.is_absolute() or ".." in pure.parts or _DRIVE.match(name) is not None


def _refused(path: Path, expected: str, found: str) -> InputError:
    return InputError(
        f"{path} is not unpacked",
        expected=expected,
        found=found,
        remedy="look into it, unpack it yourself, and name the folder",
    )
