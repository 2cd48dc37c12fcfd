"""Building a slice store: cases in parallel, and memory for a few of them at a time."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from monai.transforms.compose import Compose
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medsize.config.data import PhotoPreprocessing, Preprocessing
from medsize.console import say
from medsize.data.case import Case
from medsize.data.geometry import SliceGrid
from medsize.data.originals import Originals
from medsize.data.photo_slices import photo_preparer
from medsize.data.prepared import PreparedCase, structure_fractions
from medsize.data.transforms import LoadVolumed, slice_transforms
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError, InputErrors
from medsize.tables import write_table


def build_store(
    folder: Path,
    cases: Sequence[Case],
    labels: Mapping[str, int],
    structures: tuple[str, ...],
    preprocessing: Preprocessing,
    originals: Originals,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Prepare every case and write the files of a store.

    Threads share the work, for nearly all of it (unpacking, interpolation) runs outside the interpreter's lock.

    Args:
        folder: Where the files go; must exist.
        cases: The cases in the order of their rows.
        labels: Structure name to value in the label files.
        structures: The structures to segment, in class order.
        preprocessing: From volumes or photos to slices.
        originals: The files as the store's name took them.
        workers: Threads.
        progress: Called with the number of cases done and of all.

    Raises:
        InputErrors: Files cannot be used, or were changed meanwhile; all of them are listed.
    """
    if preprocessing.name == "photo":
        _require_space(folder, len(cases), preprocessing)
        read = photo_preparer(preprocessing, labels, structures)
    else:
        read = partial(
            prepare_case,
            transforms=slice_transforms(preprocessing, labels, structures),
            structures=len(structures),
        )

    def prepare(case: Case) -> PreparedCase:
        prepared = read(case)
        originals.require_unchanged([case.image, case.label])
        return prepared

    problems: list[InputError] = []
    with _Files(folder, structures) as files:
        for done, (case, prepared) in enumerate(_prepare_in_order(cases, prepare, workers), start=1):
            if isinstance(prepared, InputError):
                problems += prepared.errors if isinstance(prepared, InputErrors) else [prepared]
            elif not problems:
                files.add(case, prepared)
            if progress:
                progress(done, len(cases))
        if problems:
            raise InputErrors(problems)


def prepare_case(case: Case, *, transforms: Compose, structures: int) -> PreparedCase:
    """Bring the volume of a case onto its slice grid, where its sizes are measured, as the papers do.

    Args:
        case: The case.
        transforms: What ``slice_transforms`` returns.
        structures: How many structures they keep.

    Raises:
        InputError: A file cannot be used.
    """
    data: dict[Any, Any] = {"image": case.image, "label": case.label}
    spacing: tuple[float, ...] = ()
    for transform in transforms.transforms:  # Compose itself would hide an InputError in a RuntimeError
        data = transform(data)
        if isinstance(transform, LoadVolumed):
            spacing = tuple(float(mm) for mm in voxel_sizes(data["image"].affine.numpy()))
    grid: SliceGrid = data["grid"]
    images = _planes(data["image"])
    labels = _planes(data["label"]) if "label" in data else None
    return PreparedCase(
        images=images[:, None],
        labels=labels,
        domain=np.broadcast_to(grid.domain(), images.shape),
        fractions=np.full((len(images), structures), np.nan)
        if labels is None
        else structure_fractions(labels, structures),
        grid=grid,
        spacing_mm=spacing,
    )


def _require_space(folder: Path, photos: int, preprocessing: PhotoPreprocessing) -> None:
    """Say how much disk the photos of a store take, and refuse to begin where there is less."""
    planes = 5 if preprocessing.aspect == "keep" or preprocessing.void == "outside" else 4  # colours, label, Ω
    needed, free = photos * planes * preprocessing.size**2, shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.parent} lacks space for {photos} photos of {preprocessing.size}² pixels",
            expected=f"{needed / 1e9:.1f} GB",
            found=f"{free / 1e9:.1f} GB free",
            remedy="set data.cache to a larger disk, or a smaller data.preprocessing.size",
        )
    if needed > 1e9:
        say(f"The photos take {needed / 1e9:.1f} GB in {folder.parent}.")


def _planes(volume: Any) -> NDArray[Any]:
    return np.ascontiguousarray(np.moveaxis(volume.numpy()[0], -1, 0))


def _prepare_in_order(
    cases: Sequence[Case], prepare: Callable[[Case], PreparedCase], workers: int
) -> Iterator[tuple[Case, PreparedCase | InputError]]:
    """Prepare cases in threads, at most a few ahead of the one that is due, so that memory stays bounded."""

    def attempt(case: Case) -> PreparedCase | InputError:
        try:
            return prepare(case)
        except InputError as error:
            return error

    waiting: deque[tuple[Case, Future[PreparedCase | InputError]]] = deque()
    with ThreadPoolExecutor(workers) as executor:
        try:
            for case in cases:
                waiting.append((case, executor.submit(attempt, case)))
                if len(waiting) > 2 * workers:
                    due, future = waiting.popleft()
                    yield due, future.result()
            for due, future in waiting:
                yield due, future.result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


class _Files:
    """The files of a store while they grow; written through in order, never mapped into memory."""

    def __init__(self, folder: Path, structures: tuple[str, ...]) -> None:
        self._folder = folder
        self._structures = structures
        self._arrays: dict[str, _GrowingArray] = {}
        self._index: list[tuple[str, str, int]] = []
        self._cases: dict[str, dict[str, Any]] = {}
        self._padded = False

    def __enter__(self) -> Self:
        for name in ("images", "labels", "domain", "fractions"):
            self._arrays[name] = _GrowingArray(self._folder / f"{name}.npy")
        return self

    def add(self, case: Case, prepared: PreparedCase) -> None:
        """Append the slices of a case."""
        shape = prepared.domain.shape
        first = len(self._index)
        labels = np.full(shape, UNLABELLED, np.uint8) if prepared.labels is None else prepared.labels
        self._arrays["images"].append(prepared.images)
        self._arrays["labels"].append(labels)
        self._arrays["domain"].append(prepared.domain)
        self._arrays["fractions"].append(prepared.fractions)
        self._padded |= not prepared.domain.all()
        self._index += [(case.id, case.group, number) for number in range(len(labels))]
        self._cases[case.id] = {
            "group": case.group,
            "rows": [first, len(self._index)],
            "spacing_mm": prepared.spacing_mm,
            "grid": prepared.grid.to_json(),
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for array in self._arrays.values():
            array.close()
        if kind is not None:
            return
        if not self._padded:
            (self._folder / "domain.npy").unlink()  # all True
        index = pd.DataFrame(self._index, columns=["case", "group", "slice"])
        write_table(self._folder / "index.csv", index.reset_index(names="row"))
        about = {"structures": self._structures, "padded": self._padded, "cases": self._cases}
        (self._folder / "store.json").write_text(json.dumps(about), encoding="utf-8")


class _GrowingArray:
    """A ``.npy`` file that grows by blocks along its first axis; they are all of the type of the first."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._dtype: np.dtype[Any] = np.dtype(np.float32)
        self._shape: tuple[int, ...] = (0,)

    def append(self, block: NDArray[Any]) -> None:
        if not self._file.tell():
            self._dtype = block.dtype
            self._shape = (0, *block.shape[1:])
            self._write_header()
        self._file.write(np.ascontiguousarray(block, self._dtype).data)
        self._shape = (self._shape[0] + len(block), *self._shape[1:])

    def close(self) -> None:
        with self._file:
            self._file.seek(0)
            self._write_header()

    def _write_header(self) -> None:
        # numpy pads the header so that the first dimension can grow in place
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, header)
