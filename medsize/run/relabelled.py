"""What a network has labelled anew, kept with the checkpoint that was taught it."""

from pathlib import Path
from typing import Any

import numpy as np

from medsize.data.batches import Given
from medsize.errors import InputError


def write_relabelled(path: Path, relabelled: Given) -> None:
    """Write the file that :func:`read_relabelled` reads."""
    arrays: dict[str, Any] = dict(relabelled)
    np.savez_compressed(path, **arrays)


def read_relabelled(path: Path) -> Given:
    """Return what takes the place of what was given, by entry of a batch.

    Raises:
        InputError: The file is missing or damaged.
    """
    try:
        # Opened here, as NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file) as arrays:
            return dict(arrays)
    except Exception as error:  # a damaged archive can raise anything
        raise InputError(
            f"{path} cannot be read",
            found=str(error) or type(error).__name__,
            remedy="copy the run folder again, whole, or start a new run",
        ) from error
