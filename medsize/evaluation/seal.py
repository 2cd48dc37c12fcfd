"""``files.json``: which files make up one evaluation, so that those of two are never taken for one."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.files import write_text
from medsize.text import read_json

REMEDY: Final = "evaluate first: medsize evaluate RUN, or medsize evaluate PREDICTIONS --reference LABELS"
_SEAL: Final = "files.json"


def write_seal(folder: Path, paths: Iterable[Path], *, beside: Iterable[tuple[str, Path]] = ()) -> None:
    """Write down the files of an evaluation with their digests, the last thing that an evaluation does.

    Args:
        folder: Of the evaluation.
        paths: Files in it.
        beside: Names and places of files elsewhere that belong to it, such as the predictions of a run; the name is
            their path from the folder.

    Raises:
        InputError: The place cannot be written to.
    """
    digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}
    digests |= {name: file_digest(path) for name, path in beside}
    write_text(folder / _SEAL, json.dumps(digests, indent=1, ensure_ascii=False))


def sealed(folder: Path, path: Path) -> Path:
    """Return the path of a file if it is the one that belongs to the evaluation in a folder.

    Raises:
        InputError: There was no evaluation, or not to its end; or the file is missing, damaged, edited, or of another.
    """
    digests = _read_seal(folder)
    name = Path(os.path.relpath(path, folder)).as_posix()
    if not path.is_file():
        found = "not a file" if path.exists() else "no such file"
    elif name not in digests:
        found = f"{_SEAL} beside it does not name it"
    elif (digest := file_digest(path)) != digests[name]:
        found = f"another file, with SHA-256 {digest[:12]}… instead of {str(digests[name])[:12]}…"
    else:
        return path
    raise InputError(
        f"{path} cannot be read as the file that the evaluation in {folder} wrote", found=found, remedy=REMEDY
    )


def _read_seal(folder: Path) -> dict[str, Any]:
    if not (folder / _SEAL).is_file():
        path = folder / "summary.json"
        raise InputError(
            f"{path} cannot be read",
            found=f"no {_SEAL} beside it: the evaluation did not come to its end, or an older medsize wrote it"
            if path.is_file()
            else "no such file",
            remedy=REMEDY,
        )
    digests = read_json(folder / _SEAL, "the list of its files that 'medsize evaluate' writes")
    if not isinstance(digests, dict):
        raise InputError(f"{folder / _SEAL} cannot be read", found=f"a {type(digests).__name__}", remedy=REMEDY)
    return digests
