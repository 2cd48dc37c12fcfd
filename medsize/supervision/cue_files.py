"""Files of cues, one a case: what a network that was trained on tags tells of where things are."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from medsize.config.supervision import CueSeeds
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.errors import InputError, InputErrors
from medsize.files import atomic_path
from medsize.supervision.seeds import Labels


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
        InputError: Files are missing; they are counted, and some of them named.
    """
    paths = {case: cue_path(config.folder, case) for case in cases}
    missing = [path.name for path in paths.values() if not path.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(paths)} training cases have no cues",
            expected=f"<case>.npz in {config.folder}, as 'medsize seeds cues RUN -o {config.folder.name}' writes them",
            found="no such folder" if not config.folder.is_dir() else f"no {', '.join(missing[:5])}",
            remedy="write them from a run on the same cases, or set supervision.seeds.folder",
        )
    return paths


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
        with np.load(path, allow_pickle=False) as file:
            cues, names = file["cues"], tuple(map(str, file["structures"]))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
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
    return np.asarray(cues)
