"""Scribbles drawn by people: files on the grid of the images, brought onto the slices."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from medsize.config.supervision import ScribbleSeeds
from medsize.data.folders import files_of
from medsize.data.photos import is_photo
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.data.volumes import read_label
from medsize.errors import InputError, InputErrors
from medsize.names import same_name
from medsize.supervision.drawn_lines import draw_lines, read_lines
from medsize.supervision.seeds import Labels, scribble_seeds

_ENDINGS: Final = ("_scribble.nii.gz", "_scribble.nii", ".xml", ".png")


def scribble_paths(config: ScribbleSeeds, cases: Iterable[str]) -> dict[str, Path]:
    """Find the scribble file of every case.

    Raises:
        InputError: Files are missing; they are counted, and some of them named. Or one is a link that leads nowhere.
    """
    found = files_of(config.folder, cases, _ENDINGS)
    missing = [f"{case}{_ENDINGS[0]}" for case, path in found.items() if path is None]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(found)} training cases have no scribble",
            expected=f"<case>_scribble.nii.gz, <case>.xml or <case>.png in {config.folder}",
            found=("no such folder" if not config.folder.is_dir() else f"no {', '.join(missing[:5])}")
            + (", …" if config.folder.is_dir() and len(missing) > 5 else ""),
            remedy="add the files, or set supervision.seeds.folder",
        )
    return {case: path for case, path in found.items() if path is not None}


def class_of_values(labels: Mapping[str, int], structures: Sequence[str]) -> dict[int, int]:
    """Return the class of every value of a data set's label files; structures not segmented are background."""
    classes = {name: number for number, name in enumerate(structures, start=1)}
    return {0: 0} | {value: classes.get(name, 0) for name, value in labels.items()}


def write_scribble_seeds(
    seeds: Labels, store: SliceStore, paths: Mapping[str, Path], labels: Mapping[str, int], config: ScribbleSeeds
) -> None:
    """Read scribbles and write them, as seeds, into the rows of their cases.

    Args:
        seeds: (N, H, W), one row a slice of the store.
        store: The slices.
        paths: Scribble file of each case.
        labels: Structure name to its value in the files of the data set.
        config: What blank pixels are, and how wide lines.

    Raises:
        InputErrors: Files that cannot be used, all of them.
    """
    problems: list[InputError] = []
    for case, path in paths.items():
        rows = store.rows([case])
        try:
            planes = _scribble_on_slices(store, case, path, labels, config)
        except InputError as error:
            problems.append(error)
            continue
        seeds[rows] = np.where(store.domain[rows], np.moveaxis(planes, -1, 0), np.uint8(UNLABELLED))
    if problems:
        raise InputErrors(problems)


def _scribble_on_slices(
    store: SliceStore, case: str, path: Path, labels: Mapping[str, int], config: ScribbleSeeds
) -> Labels:
    class_of = class_of_values(labels, store.structures)
    if path.suffix == ".xml":
        names = {"background": 0} | {name: class_of[value] for name, value in labels.items()}
        lines = read_lines(path)
        drawn = draw_lines(lines, store.grid(case), names, config.width_px, path)
        _require_seen({names[name] for line in lines if (name := same_name(line.name, names))}, drawn, path)
        return drawn[:, :, None]
    unlabelled = UNLABELLED if is_photo(path) else config.unlabelled
    if unlabelled in labels.values():
        raise InputError(
            f"{path}: {unlabelled} means that nothing is drawn, and a structure",
            expected="a value of its own for what is not drawn",
            found=f"{next(name for name, value in labels.items() if value == unlabelled)} = {unlabelled} in the labels",
            remedy="give the structure another value in data.source.labels and in the files"
            if is_photo(path)
            else "set supervision.seeds.unlabelled to the value of what is not drawn",
        )
    scribble = read_label(path, None, {*class_of, unlabelled})
    grid = store.grid(case)
    expected = (*grid.case_shape, len(store.rows([case])))
    spacing_mm = scribble.spacing_mm if is_photo(path) else store.spacing_mm(case)  # photos have none
    if scribble.array.shape != expected or not np.allclose(scribble.spacing_mm, spacing_mm, rtol=1e-3):
        raise InputError(
            f"{path} does not fit its image",
            expected=f"shape {expected} and spacing {_mm(spacing_mm)}, as the image of {case}",
            found=f"shape {scribble.array.shape} and spacing {_mm(scribble.spacing_mm)}",
            remedy="draw the scribble on the image of this case, or resample it to that grid",
        )
    seeds = scribble_seeds(scribble.array, class_of, unlabelled)
    planes: Labels = grid.resample(seeds, order=0)
    _require_seen(set(np.unique(seeds).tolist()), planes, path)
    return planes


def _require_seen(drawn: Collection[int], planes: Labels, path: Path) -> None:
    """Raise InputError if structures were drawn, and nothing of any is on the slices."""
    structures = set(drawn) - {0, UNLABELLED}
    if structures and not np.isin(planes, list(structures)).any():
        raise InputError(
            f"{path}: none of the structures' scribbles is on what the network sees",
            expected="scribbles on the structures, within the slices",
            found="all of them outside the image or the part that data.preprocessing leaves of it, or too thin for it",
            remedy="look at the file over its image, or raise data.preprocessing.size",
        )


def _mm(spacing: tuple[float, ...]) -> str:
    return " × ".join(f"{length:g}" for length in spacing) + " mm"
