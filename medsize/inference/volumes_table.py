"""The table ``volumes.csv`` of a folder of predictions."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.errors import InputError
from medsize.files import write_text

_COLUMNS: Final = ["file", "frame", "structure", "volume_ml"]
_SECONDS_BETWEEN_WRITES: Final = 5.0


class VolumesTable:
    """Rows ``file, frame, structure, volume_ml``, some from before and one more for each structure of each result.

    It is written whole every few seconds, so a killed process loses no more, and at the end by ``write``.

    Args:
        path: The table.
        earlier: The rows that are there already.
    """

    def __init__(self, path: Path, earlier: pd.DataFrame) -> None:
        self.path = path
        self._earlier = earlier
        self._new: list[pd.DataFrame] = []
        self._written = time.monotonic()
        self._unwritten = False

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open the table of earlier predictions, or an empty one.

        Raises:
            InputError: The file is something else.
        """
        if not path.exists():
            return cls(path, pd.DataFrame(columns=_COLUMNS))
        try:
            table = pd.read_csv(path, dtype={"file": "str", "frame": "Int64"})
        except (OSError, ValueError) as error:
            raise _not_volumes(path, str(error)) from error
        if list(table.columns) != _COLUMNS:
            raise _not_volumes(path, f"the columns {', '.join(map(str, table.columns))}")
        return cls(path, table)

    def __contains__(self, file: str) -> bool:
        return file in set(self._earlier["file"])

    def add(self, file: str, labels: Sequence[NDArray[np.uint8]], voxel_ml: float, values: Mapping[str, int]) -> None:
        """Add the rows of a result; they replace those that the table had of this file.

        Args:
            file: The result, relative to the folder of the table.
            labels: Values of each time frame; frames are numbered from 1, and a single one has no number.
            voxel_ml: Volume of a voxel.
            values: Structure to value.
        """
        rows = [
            (file, frame if len(labels) > 1 else None, name, np.count_nonzero(label == value) * voxel_ml)
            for frame, label in enumerate(labels, start=1)
            for name, value in values.items()
        ]
        self._new.append(pd.DataFrame(rows, columns=_COLUMNS).astype({"frame": "Int64"}))
        self._unwritten = True
        if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Write the table, if anything was added.

        Raises:
            InputError: The place cannot be written to.
        """
        if not self._unwritten:
            return
        new = pd.concat(self._new)
        kept = self._earlier[~self._earlier["file"].isin(new["file"])]
        table = pd.concat([kept, new]) if len(kept) else new
        ordered = table.sort_values(["file", "frame"], kind="stable")
        write_text(self.path, ordered.to_csv(index=False, float_format="%.6f"))
        self._written = time.monotonic()
        self._unwritten = False


def _not_volumes(path: Path, found: str) -> InputError:
    return InputError(
        f"{path} is in the way",
        expected=f"nothing, or a table of an earlier prediction with the columns {', '.join(_COLUMNS)}",
        found=found,
        remedy="move it away, or choose another folder with -o",
    )
