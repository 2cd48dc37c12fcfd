"""Which other files hold the voxels of a ``.nhdr`` or ``.mhd`` header."""

from glob import escape
from pathlib import Path
from typing import Final

_MOST_BYTES: Final = 2**20
_NAMED: Final = ("datafile:", "elementdatafile=")


def detached_files(path: Path) -> tuple[Path, ...]:
    """Return the files that hold the voxels of an image, in the order in which its header lists them.

    Args:
        path: An image file; only NRRD and MetaImage have such headers, others give nothing.

    Returns:
        Those that are there: what is missing is for the reader to say.
    """
    if not path.name.lower().endswith((".nhdr", ".mhd")):
        return ()
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST_BYTES).decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ()
    for number, line in enumerate(lines):
        if line.lower().replace(" ", "").startswith(_NAMED):
            value = line.replace("=", ":", 1).partition(":")[2].strip()
            first = value.split()[0] if value else ""
            if first.upper() == "LIST":
                return _present(path, [each.strip() for each in lines[number + 1 :]])
            if "%" in first:  # a pattern of printf with the numbers of the first and the last
                parts = first.partition("%")
                ending = parts[2].lstrip("0123456789").lstrip("dDuUiI")
                return tuple(sorted(path.parent.glob(f"{escape(parts[0])}*{escape(ending)}")))
            return _present(path, [value])
    return ()


def _present(header: Path, names: list[str]) -> tuple[Path, ...]:
    return tuple(header.parent / name for name in names if name and (header.parent / name).is_file())
