"""Unpacking a ``.zip`` that may come from anywhere."""

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


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive into a new folder, and into nothing else.

    The folders of the archive are kept. Links in it become plain files, so none leads anywhere.

    Args:
        path: The archive.
        folder: Made; only this user may read it.

    Raises:
        InputError: It is no archive, is damaged or encrypted, has names that lead out of the folder, or would take
            more room than is sensible or than there is; nothing is left in the folder then.
    """
    try:
        with zipfile.ZipFile(path) as archive, writing(folder):
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check(path, members, folder.parent)
            folder.mkdir(mode=0o700)
            for member in members:
                target = folder.joinpath(*PurePosixPath(member.filename).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 2**20)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, FileExistsError) as error:
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


def _check(path: Path, members: list[zipfile.ZipInfo], disk: Path) -> None:
    leading = next((member.filename for member in members if _leads_out(member.filename)), None)
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
    pure = PurePosixPath(name.replace("\\", "/"))
    return pure.is_absolute() or ".." in pure.parts or ":" in name


def _refused(path: Path, expected: str, found: str) -> InputError:
    return InputError(
        f"{path} is not unpacked",
        expected=expected,
        found=found,
        remedy="look into it, unpack it yourself, and name the folder",
    )
