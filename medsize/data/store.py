"""The slice store: every slice of a data set, prepared once, on disk, named by its content."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from medsize import __version__
from medsize.config.data import Preprocessing
from medsize.console import say
from medsize.data.cache import default_cache
from medsize.data.case import Case
from medsize.data.checked import damage_to, write_checksums
from medsize.data.geometry import SliceGrid
from medsize.data.originals import Originals
from medsize.files import atomic_folder, remove_abandoned, writing
from medsize.locks import alone
from medsize.tables import read_table

FORMAT = 3
"""Changes whenever the files of a store change their meaning."""

_ARRAY: Final = "array.npy"


class Images(Protocol):
    """Images whose rows are read as float32 in [0, 1]: a plain array, or one that is converted as it is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""

    def __len__(self) -> int:
        """Return N."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Return rows."""


@dataclass(frozen=True, slots=True)
class BytesAsFractions:
    """An array of bytes whose rows are read as float32 in [0, 1].

    Attributes:
        array: uint8, of any shape.
    """

    array: NDArray[np.uint8]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.array.shape

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.array)

    def __getitem__(self, rows: Any, /) -> NDArray[np.float32]:
        """Return rows, divided by 255."""
        found: NDArray[np.float32] = np.divide(self.array[rows], np.float32(255), dtype=np.float32)
        return found


@dataclass(frozen=True, slots=True)
class SliceStore:
    """The prepared slices of a data set; a row is a slice. Arrays stay on disk until their rows are read.

    ``images``, ``labels`` and ``domain`` open their file anew at each access: memory that rows were read through
    is given back with the array, so that it does not grow with the data set.

    Attributes:
        path: Folder of the store.
        key: Its name, a digest of everything that decides its content.
        index: One line a row: ``case``, ``group`` and ``slice`` (from 0).
        structures: Names of the structures; class ``i + 1`` is ``structures[i]``.
        padded: Whether some slice has padding.
    """

    path: Path
    key: str
    index: pd.DataFrame
    structures: tuple[str, ...]
    padded: bool
    _cases: dict[str, dict[str, Any]]

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.index)

    @property
    def classes(self) -> int:
        """K, the structures and the background."""
        return len(self.structures) + 1

    @property
    def images(self) -> "Images":
        """(N, C, H, W), whose rows are float32 in [0, 1], whatever they are on disk."""
        array = _open(self.path / "images.npy")
        return BytesAsFractions(array) if array.dtype == np.uint8 else array

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Exact size of every structure as a fraction of what is known of Ω, (N, K − 1); NaN without a label."""
        return _open(self.path / "fractions.npy")

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(N, H, W) uint8 classes; 255 in the padding and wherever a case has no label."""
        return _open(self.path / "labels.npy")

    @property
    def domain(self) -> NDArray[np.bool_]:
        """Ω, (N, H, W) bool; False in the padding."""
        if self.padded:
            return _open(self.path / "domain.npy")
        return np.broadcast_to(np.True_, (len(self), self.side, self.side))

    @property
    def side(self) -> int:
        """Side of every slice, in pixels."""
        side: int = self.images.shape[-1]
        return side

    def rows(self, case_ids: Iterable[str]) -> NDArray[np.intp]:
        """Return the rows of cases, in the order of the cases and their slices.

        Raises:
            KeyError: A case is not in the store.
        """
        ranges = [np.arange(*self._cases[case]["rows"]) for case in case_ids]
        return np.concatenate([np.empty(0, np.intp), *ranges])

    def grid(self, case_id: str) -> SliceGrid:
        """Return how the slices of a case lie on its planes."""
        return SliceGrid.from_json(self._cases[case_id]["grid"])

    def spacing_mm(self, case_id: str) -> tuple[float, float, float]:
        """Return the spacing of a case on its own grid."""
        x, y, z = self._cases[case_id]["spacing_mm"]
        return x, y, z

    def derived(
        self,
        name: str,
        key: object,
        shape_dtype: tuple[tuple[int, ...], DTypeLike],
        compute: Callable[[np.memmap[Any, Any]], None],
    ) -> np.memmap[Any, Any]:
        """Return an array that follows from the store, computed once and kept beside it.

        Args:
            name: What it is, for people who look into the folder.
            key: Everything else that decides its content, as JSON values.
            shape_dtype: Its shape and type.
            compute: Fills it; it is zero before.

        Raises:
            InputError: The store's folder cannot be written to, or the disk is full.
        """
        shape, dtype = shape_dtype
        digest = _digest({"key": key, "shape": shape, "dtype": np.dtype(dtype).str, "version": __version__})

        def write(folder: Path) -> None:
            path = folder / _ARRAY
            array = np.lib.format.open_memmap(path, "w+", dtype, shape)
            if hasattr(os, "posix_fallocate"):  # else a full disk ends the process with SIGBUS
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            compute(array)
            array.flush()

        return _open(_written_once(self.path / "derived" / f"{name}-{digest}", name, write) / _ARRAY)


def open_store(
    cases: Sequence[Case],
    labels: Mapping[str, int],
    structures: tuple[str, ...],
    preprocessing: Preprocessing,
    cache: Path | None,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SliceStore:
    """Open the store of these cases, and build it first if it is not there or not what was written.

    Its name is a digest of the content of every file (of photos, of its two ends), the preprocessing, the structures
    and the version of medsize: when one of them changes, it is another store. It is built under another name and
    renamed when whole, by one process: others wait. Each process checks every file of it once, against what was
    written; one that is damaged is said and built anew.

    Args:
        cases: The cases, in the order of their rows.
        labels: Structure name to value in the label files, for every value they may hold.
        structures: The structures to segment, in class order.
        preprocessing: From volume to slices.
        cache: Folder of the stores; ``default_cache()`` by default.
        workers: Threads that prepare cases; by default as many as processor cores.
        progress: Called with the number of cases done and of all, while a store is built.

    Raises:
        InputErrors: Files cannot be used, or were changed while they were read; all of them are listed.
        InputError: The cache cannot be written to, or the disk is full.
    """
    cache = cache or default_cache()
    workers = workers or _cores()
    originals = Originals(ends=preprocessing.name == "photo")

    def write(folder: Path) -> None:
        from medsize.data.build import build_store  # MONAI takes seconds to import, and only building needs it

        build_store(folder, cases, labels, structures, preprocessing, originals, workers, progress)

    recipe = _recipe(cases, labels, structures, preprocessing, originals, workers)
    return _read(_written_once(cache / _digest(recipe), "slices", write))


def _written_once(folder: Path, what: str, write: Callable[[Path], None]) -> Path:
    """Return a folder whose name says what is in it; write it first if it is not there, or not what was written."""
    if folder.exists() and not damage_to(folder):
        return folder
    lock = folder.with_name(f".{folder.name}.lock")
    with ExitStack() as stack:
        with writing(folder):
            lock.parent.mkdir(parents=True, exist_ok=True)
            waiting = f"Another process is making the {what} in {folder}: waiting for it."
            stack.enter_context(alone(lock, lambda: say(waiting)))
        damage = damage_to(folder) if folder.exists() else ""
        if damage:
            say(f"The {what} in {folder} are damaged ({damage}); they are made anew.")
        if damage or not folder.exists():
            remove_abandoned(folder.parent)
            with atomic_folder(folder, existing="replace" if damage else "keep") as partial:
                write(partial)
                write_checksums(partial)
    return folder


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _recipe(
    cases: Sequence[Case],
    labels: Mapping[str, int],
    structures: tuple[str, ...],
    preprocessing: Preprocessing,
    originals: Originals,
    workers: int,
) -> dict[str, Any]:
    with ThreadPoolExecutor(workers) as executor:
        images = list(executor.map(originals.digest, [case.image for case in cases]))
        masks = list(executor.map(originals.digest, [case.label for case in cases]))
    return {
        "format": FORMAT,
        "version": __version__,
        "preprocessing": preprocessing.model_dump(),
        "labels": dict(labels),
        "structures": structures,
        "cases": [[case.id, case.group, image, mask] for case, image, mask in zip(cases, images, masks, strict=True)],
    }


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _open(path: Path) -> np.memmap[Any, Any]:
    array: np.memmap[Any, Any] = np.load(path, mmap_mode="r")
    return array


def _read(folder: Path) -> SliceStore:
    about = json.loads((folder / "store.json").read_text(encoding="utf-8"))
    index = read_table(folder / "index.csv", texts=("case", "group"), needed=("row", "slice")).set_index("row")
    return SliceStore(folder, folder.name, index, tuple(about["structures"]), about["padded"], about["cases"])
