"""Segmenting files: label files on exactly the images' grids, and volumes in mL."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from medsize.data.grid_files import write_label
from medsize.data.volumes import read_frames
from medsize.errors import InputError, InputErrors
from medsize.files import write_text, writing
from medsize.inference.jobs import VOLUMES_NAME, Job, plan_jobs
from medsize.inference.label_values import to_source_values
from medsize.inference.load import Predictor
from medsize.inference.options import PredictionOptions
from medsize.run_folder import Checkpoint, RunFolder

_COLUMNS = ["file", "frame", "structure", "volume_ml"]


def predict_files(
    run: RunFolder,
    inputs: Sequence[Path],
    output: Path,
    *,
    checkpoint: Checkpoint = "last",
    device: str = "auto",
    overwrite: bool = False,
    crf: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Segment images with a run's network.

    Every image becomes one NIfTI file in ``output`` on exactly its grid (shape, affine, sform, qform), with the
    values of the run's own label files (3 for ACDC's LV); a 4-D image becomes a 4-D file, frame by frame. The table
    ``volumes.csv`` beside them has the columns ``file, frame, structure, volume_ml``, where frames count from 1 as
    ACDC's do and are blank for a 3-D image; rows of other files that it holds already are kept.

    Args:
        run: The run.
        inputs: Image files (NIfTI, NRRD, MetaImage), DICOM folders, or folders of images.
        output: Folder for the results.
        checkpoint: Which network.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        overwrite: Whether to replace results that are there already.
        crf: Whether a dense CRF, ``inference.crf`` of the run's configuration, moves borders to edges of the image.
        progress: Called with (done, total) files.

    Returns:
        The path of ``volumes.csv``.

    Raises:
        InputError: The run, the device or the output folder cannot be used.
        InputErrors: Inputs and outputs do not fit each other (nothing was done), or some images could not be
            segmented (all others were).
    """
    jobs = plan_jobs(inputs, output, overwrite=overwrite)
    table = output / VOLUMES_NAME
    earlier = _read_volumes(table)
    predictor = Predictor.load(run, checkpoint, device)
    if crf:
        predictor = predictor.with_options(PredictionOptions(crf=True))
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    volumes: list[pd.DataFrame] = []
    problems: list[InputError] = []
    try:
        for done, job in enumerate(jobs):
            if progress:
                progress(done, len(jobs))
            try:
                volumes.append(_predict_file(predictor, job))
            except InputError as error:
                problems.append(error)
        if progress:
            progress(len(jobs), len(jobs))
    finally:  # also when interrupted: what was segmented is in the table
        _write_volumes(table, earlier, volumes)
    if problems:
        raise InputErrors(problems)
    return table


def _predict_file(predictor: Predictor, job: Job) -> pd.DataFrame:
    frames = read_frames(job.image)
    classes = [predictor.predict(frame) for frame in frames]
    labels = np.stack(classes, axis=-1) if len(frames) > 1 else classes[0]
    write_label(job.output, to_source_values(labels, predictor.values), like=job.image)
    rows = [
        (job.output.name, frame if len(frames) > 1 else None, name, np.count_nonzero(c == number) * volume.voxel_ml)
        for frame, (volume, c) in enumerate(zip(frames, classes, strict=True), start=1)
        for number, name in enumerate(predictor.values, start=1)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"frame": "Int64"})


def _read_volumes(path: Path) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(columns=_COLUMNS)
    try:
        table = pd.read_csv(path, dtype={"file": "str", "frame": "Int64"})
    except (OSError, ValueError) as error:
        raise _not_volumes(path, str(error)) from error
    if list(table.columns) != _COLUMNS:
        raise _not_volumes(path, f"the columns {', '.join(map(str, table.columns))}")
    return table


def _not_volumes(path: Path, found: str) -> InputError:
    return InputError(
        f"{path} is in the way",
        expected=f"nothing, or a table of an earlier prediction with the columns {', '.join(_COLUMNS)}",
        found=found,
        remedy="move it away, or choose another folder with -o",
    )


def _write_volumes(path: Path, earlier: pd.DataFrame, volumes: list[pd.DataFrame]) -> None:
    if not volumes:
        return
    new = pd.concat(volumes)
    kept = earlier[~earlier["file"].isin(new["file"])]
    table = pd.concat([kept, new]) if len(kept) else new
    text = table.sort_values(["file", "frame"], kind="stable").to_csv(index=False, float_format="%.6f")
    write_text(path, text)
