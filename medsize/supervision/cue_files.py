"""Files of cues, one a case: what a network that was trained on tags tells of where things are."""

import io
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from medsize.config.supervision import CueSeeds
from medsize.data.folders import files_of
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError, InputErrors
from medsize.files import atomic_path
from medsize.supervision.seeds import Labels

_MOST_BYTES: Final = 2**20  # of a header and of names


def cue_path(folder: Path, case: str) -> Path:
    """Return the file of a case's cues."""
    return folder / f"{case}.npz"


def write_cue_file(path: Path, cues: Labels, structures: Sequence[str]) -> None:
    """Write the cues of a case, whole or not at all.

    Args:
        path: The file.
        cues: Class of each pixel of each slice, 255 where none is told, (Z, H, W).
        structures: Names of the classes from 1 on.
    """
    with atomic_path(path) as partial:
        np.savez_compressed(partial, cues=cues, structures=np.array(structures))


def cue_paths(config: CueSeeds, cases: Iterable[str]) -> dict[str, Path]:
    """Find the cues of every case.

    Raises:
        InputError: Files are missing; they are counted, and some of them named. Or one is a link that leads nowhere.
    """
    found = files_of(config.folder, cases, (".npz",))
    missing = [cue_path(config.folder, case).name for case, path in found.items() if path is None]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(found)} training cases have no cues",
            expected=f"<case>.npz in {config.folder}, as 'medsize seeds cues RUN -o {config.folder.name}' writes them",
            found="no such folder" if not config.folder.is_dir() else f"no {', '.join(missing[:5])}",
            remedy="write them from a run on the same cases, or set supervision.seeds.folder",
        )
    return {case: path for case, path in found.items() if path is not None}


def read_cue_seeds(seeds: Labels, store: SliceStore, paths: Mapping[str, Path]) -> None:
    """Read cues into the rows of their cases.

    Args:
        seeds: (N, H, W), one row a slice of the store.
        store: The slices.
        paths: File of each case.

    Raises:
        InputErrors: Files that cannot be used, all of them.
    """
    problems: list[InputError] = []
    for case, path in paths.items():
        rows = store.rows([case])
        try:
            cues = _read(path, store.structures, (len(rows), store.side, store.side))
        except InputError as error:
            problems.append(error)
            continue
        seeds[rows] = np.where(store.domain[rows], cues, np.uint8(UNLABELLED))
    if problems:
        raise InputErrors(problems)


def _read(path: Path, structures: Sequence[str], shape: tuple[int, ...]) -> Labels:
    try:
        with ZipFile(path) as file:
            names = tuple(map(str, _array(file, "structures.npy", most_bytes=_MOST_BYTES)))
            cues = _array(file, "cues.npy", most_bytes=_MOST_BYTES + prod(shape))
    except Exception as error:  # zip, zlib and numpy each have several of their own for damaged files
        raise InputError(
            f"{path} cannot be read", expected="cues as 'medsize seeds cues' writes them", found=str(error)
        ) from error
    if names != tuple(structures) or cues.shape != shape or cues.dtype != np.uint8:
        raise InputError(
            f"{path} does not fit this run",
            expected=f"cues of {', '.join(structures)} on {shape[0]} slices of {shape[1]} × {shape[2]} pixels",
            found=f"cues of {', '.join(names)}, {cues.dtype} of shape {cues.shape}",
            remedy="write the cues with a run of the same structures and data.preprocessing",
        )
    strange = np.setdiff1d(cues, [*range(len(structures) + 1), UNLABELLED])
    if strange.size:
        raise InputError(
            f"{path} holds classes that are not there",
            expected=f"0 to {len(structures)}, and {UNLABELLED} where nothing is told",
            found=", ".join(map(str, strange[:8].tolist())),
            remedy="write the cues again",
        )
    return np.asarray(cues)


def _array(file: ZipFile, name: str, *, most_bytes: int) -> NDArray[Any]:
    """Read an array of an archive, none of its code, and no more than it should hold."""
    with file.open(name) as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"{name} is larger than the slices of its case")
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array
