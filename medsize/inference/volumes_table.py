"""The table ``volumes.csv`` of a folder of predictions."""

import csv
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsize.errors import InputError
from medsize.inference.origin import ORIGIN_COLUMNS, Origin
from medsize.tables import read_table, write_table
from medsize.text import read_text

_VOLUMES: Final = ("file", "frame", "structure", "volume_ml")
_COLUMNS: Final = (*_VOLUMES, *ORIGIN_COLUMNS)
_SECONDS_BETWEEN_WRITES: Final = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What the table says of one result.

    Attributes:
        origin: What it was made from.
        volumes: Frame (none of a single one), structure and volume in mL.
    """

    origin: Origin
    volumes: list[tuple[int | None, str, float]]


class VolumesTable:
    """Rows ``file, frame, structure, volume_ml`` and the origin, for each structure of each result.

    It is written whole every few seconds, so a killed process loses no more, and at the end by ``write``. What it holds
    of a result is withdrawn before the result is replaced: no process that ends in between leaves a row beside the
    labels of another.

    Args:
        path: The table.
        entries: What is there already, by the result's name relative to the folder of the table.
    """

    def __init__(self, path: Path, entries: Mapping[str, Entry]) -> None:
        self.path = path
        self._entries = dict(entries)
        self._withdrawn: dict[str, Entry] = {}
        self._written = time.monotonic()
        self._unwritten = False

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open the table of earlier predictions, or an empty one.

        Raises:
            InputError: The file is something else.
        """
        if not path.exists():
            return cls(path, {})
        try:
            table = _read(path)
        except InputError as error:
            raise _not_volumes(path, str(error).replace("\n", ";")) from error
        columns = [table[name].to_list() for name in _COLUMNS]
        entries: dict[str, Entry] = {}
        for file, frame, structure, volume_ml, *origin in zip(*columns, strict=True):
            entry = entries.setdefault(file, Entry(Origin(*origin), []))
            entry.volumes.append((None if pd.isna(frame) else int(frame), structure, volume_ml))
        return cls(path, entries)

    def origin(self, file: str) -> Origin | None:
        """Return what a result was made from, if the table has it."""
        return self._entries[file].origin if file in self._entries else None

    def withdraw(self, files: Iterable[str]) -> None:
        """Take results that are about to be replaced out of the table, and of the file at once.

        Raises:
            InputError: The place cannot be written to.
        """
        found = {file: self._entries.pop(file) for file in files if file in self._entries}
        if found:
            self._withdrawn |= found
            self._unwritten = True
            self.write()

    def give_back(self, but: Collection[str]) -> None:
        """Put back what was withdrawn of results that were not replaced; all ``but`` these, and those added since."""
        back = {file: entry for file, entry in self._withdrawn.items() if file not in but}
        self._unwritten = self._unwritten or bool(back)
        self._entries = back | self._entries
        self._withdrawn = {}

    def add(
        self,
        file: str,
        labels: Sequence[NDArray[np.uint8]],
        voxel_ml: float,
        values: Mapping[str, int],
        origin: Origin,
    ) -> None:
        """Add the rows of a result; they replace those that the table had of this file.

        Args:
            file: The result, relative to the folder of the table.
            labels: Values of each time frame; frames are numbered from 1, and a single one has no number.
            voxel_ml: Volume of a voxel.
            values: Structure to value.
            origin: What it was made from.

        Raises:
            InputError: The place cannot be written to.
        """
        volumes = [
            (frame if len(labels) > 1 else None, name, float(np.count_nonzero(label == value) * voxel_ml))
            for frame, label in enumerate(labels, start=1)
            for name, value in values.items()
        ]
        self._entries[file] = Entry(origin, volumes)
        self._unwritten = True
        if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Write the table, if anything changed.

        Raises:
            InputError: The place cannot be written to.
        """
        if not self._unwritten:
            return
        rows = [
            (file, *volume, *astuple(entry.origin))
            for file, entry in sorted(self._entries.items())
            for volume in entry.volumes
        ]
        table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"frame": "Int64"})
        write_table(self.path, table, float_format="%.6f")
        self._written = time.monotonic()
        self._unwritten = False


def _read(path: Path) -> pd.DataFrame:
    header = next(csv.reader(read_text(path, "a table of volumes").splitlines()[:1]), [])
    if tuple(header) == _VOLUMES:  # an earlier version did not say what results were made from
        table = read_table(path, texts=["file", "structure"], types={"frame": "Int64", "volume_ml": "float64"})
        return table.assign(**dict.fromkeys(ORIGIN_COLUMNS, ""))
    if tuple(header) != _COLUMNS:
        raise InputError(f"the columns {', '.join(header)}")
    texts = ["file", "structure", *ORIGIN_COLUMNS]
    return read_table(path, texts=texts, types={"frame": "Int64", "volume_ml": "float64"})


def _not_volumes(path: Path, found: str) -> InputError:
    return InputError(
        f"{path} is in the way",
        expected=f"nothing, or a table of an earlier prediction with the columns {', '.join(_VOLUMES)}, …",
        found=found,
        remedy="move it away, or choose another folder with -o",
    )
