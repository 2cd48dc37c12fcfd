"""Building a slice store: cases in parallel, and memory for a few of them at a time."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from monai.transforms.compose import Compose
from nibabel.affines import voxel_sizes
from numpy.typing import DTypeLike, NDArray

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.case import Case
from medsize.data.geometry import UNLABELLED, SliceGrid
from medsize.data.transforms import LoadVolumed, slice_transforms
from medsize.errors import InputError, InputErrors


@dataclass(frozen=True, slots=True)
class PreparedCase:
    """The slices of one case.

    Attributes:
        images: (Z, H, W) float32 in [0, 1].
        labels: (Z, H, W) uint8 classes, or None.
        domain: Ω, (H, W) bool.
        grid: How the slices lie on the case's planes.
        spacing_mm: Of the case's own grid.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8] | None
    domain: NDArray[np.bool_]
    grid: SliceGrid
    spacing_mm: tuple[float, ...]


def build_store(
    folder: Path,
    cases: Sequence[Case],
    labels: Mapping[str, int],
    structures: tuple[str, ...],
    preprocessing: PaperPreprocessing | PhysicalPreprocessing,
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
        preprocessing: From volume to slices.
        workers: Threads.
        progress: Called with the number of cases done and of all.

    Raises:
        InputErrors: Files cannot be used; all of them are listed.
    """
    transforms = slice_transforms(preprocessing, labels, structures)
    problems: list[InputError] = []
    with _Files(folder, structures) as files:
        for done, (case, prepared) in enumerate(_prepare_in_order(cases, transforms, workers), start=1):
            if isinstance(prepared, InputError):
                problems.append(prepared)
            elif not problems:
                files.add(case, prepared)
            if progress:
                progress(done, len(cases))
        if problems:
            raise InputErrors(problems)


def prepare_case(case: Case, transforms: Compose) -> PreparedCase:
    """Bring one case onto its slice grid.

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
    label = data.get("label")
    return PreparedCase(
        images=_planes(data["image"]),
        labels=None if label is None else _planes(label),
        domain=grid.domain(),
        grid=grid,
        spacing_mm=spacing,
    )


def _planes(volume: Any) -> NDArray[Any]:
    return np.ascontiguousarray(np.moveaxis(volume.numpy()[0], -1, 0))


def _prepare_in_order(
    cases: Sequence[Case], transforms: Compose, workers: int
) -> Iterator[tuple[Case, PreparedCase | InputError]]:
    """Prepare cases in threads, at most a few ahead of the one that is due, so that memory stays bounded."""

    def attempt(case: Case) -> PreparedCase | InputError:
        try:
            return prepare_case(case, transforms)
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
        self._index: list[dict[str, Any]] = []
        self._cases: dict[str, dict[str, Any]] = {}
        self._padded = False

    def __enter__(self) -> Self:
        for name, dtype in (("images", np.float32), ("labels", np.uint8), ("domain", np.bool_)):
            self._arrays[name] = _GrowingArray(self._folder / f"{name}.npy", dtype)
        return self

    def add(self, case: Case, prepared: PreparedCase) -> None:
        """Append the slices of a case."""
        count = len(prepared.images)
        first = len(self._index)
        labels = prepared.labels
        self._arrays["images"].append(prepared.images[:, None])
        self._arrays["labels"].append(
            np.full(prepared.images.shape, UNLABELLED, np.uint8) if labels is None else labels
        )
        self._arrays["domain"].append(np.broadcast_to(prepared.domain, prepared.images.shape))
        self._padded |= not prepared.domain.all()
        self._cases[case.id] = {
            "group": case.group,
            "rows": [first, first + count],
            "spacing_mm": prepared.spacing_mm,
            "grid": prepared.grid.to_json(),
        }
        pixels = np.count_nonzero(prepared.domain)
        for number in range(count):
            row: dict[str, Any] = {"case": case.id, "group": case.group, "slice": number}
            for value, name in enumerate(self._structures, start=1):
                of_class = None if labels is None else np.count_nonzero(labels[number] == value) / pixels
                row[f"fraction_{name}"] = of_class
            self._index.append(row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for array in self._arrays.values():
            array.close()
        if kind is not None:
            return
        if not self._padded:
            (self._folder / "domain.npy").unlink()  # all True
        pd.DataFrame(self._index).to_csv(self._folder / "index.csv", index_label="row")
        about = {"structures": self._structures, "padded": self._padded, "cases": self._cases}
        (self._folder / "store.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


class _GrowingArray:
    """A ``.npy`` file that grows by blocks along its first axis."""

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self._file = path.open("wb")
        self._dtype = np.dtype(dtype)
        self._shape: tuple[int, ...] = (0,)

    def append(self, block: NDArray[Any]) -> None:
        if not self._file.tell():
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
