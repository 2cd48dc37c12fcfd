"""Segmenting files: labels on exactly the images' grids, volumes in mL, and what helps to look at them."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medsize.data.grid_files import check_axes
from medsize.data.inputs import find_images
from medsize.data.volumes import Volume
from medsize.errors import InputError, InputErrors
from medsize.files import remove_abandoned, scratch_folder, write_text, writing
from medsize.inference.colours import itk_snap_labels, slicer_colours
from medsize.inference.ensemble import Ensemble
from medsize.inference.jobs import VOLUMES_NAME, Existing, Format, Job, plan_jobs
from medsize.inference.label_values import to_source_values
from medsize.inference.options import NETWORK_ALONE, PredictionOptions
from medsize.inference.results import Segmented, write_results
from medsize.inference.stream import stream
from medsize.inference.volumes_table import VolumesTable
from medsize.run_folder import Checkpoint, RunFolder


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written, beside labels and volumes, and how.

    Attributes:
        into: The format of the label files; by default each has that of its image.
        existing: What becomes of results that are there already.
        probabilities: Whether to write the probability of each structure.
        pictures: Whether to write a picture of each case.
    """

    into: Format | None = None
    existing: Existing = "refuse"
    probabilities: bool = False
    pictures: bool = True


PLAIN = Wanted()


def _say_nothing(message: str) -> None:
    """Take what the user should know where there is none."""
    del message


def predict_files(
    run: RunFolder | Sequence[RunFolder],
    inputs: Sequence[Path],
    output: Path,
    *,
    checkpoint: Checkpoint = "last",
    device: str = "auto",
    batch_size: int | None = None,
    options: PredictionOptions = NETWORK_ALONE,
    wanted: Wanted = PLAIN,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Path:
    """Segment images with the network of a run, or with those of several as an ensemble.

    Every image becomes one label file in ``output`` on exactly its grid, with the values of the run's own label files
    (3 for ACDC's LV); a 4-D image becomes a 4-D file, frame by frame. Beside them lie ``volumes.csv`` with the columns
    ``file, frame, structure, volume_ml``, where frames count from 1 as ACDC's do and are blank for a 3-D image (rows
    of other files that it holds already are kept), ``pictures/``, and the names and colours of the values for ITK-SNAP
    and 3D Slicer. Reading, the network and writing go on at the same time; at most a few images are in memory.

    Args:
        run: The run, or the members of an ensemble.
        inputs: What ``medsize.data.inputs.find_images`` understands.
        output: Folder for the results.
        checkpoint: Which network.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        batch_size: Slices at a time; by default as in training.
        options: What is done beside asking the network once.
        wanted: What is written.
        progress: Called with (done, total) files.
        say: Called with what the user should know, such as series that were left aside.

    Returns:
        The path of ``volumes.csv``.

    Raises:
        InputError: The run, the device or the output folder cannot be used, or the disk is full.
        InputErrors: Inputs and outputs do not fit each other (nothing was done), or some images could not be
            segmented (all others were).
    """
    table = VolumesTable.read(output / VOLUMES_NAME)
    with _folder(output), scratch_folder(output / "unpacked") as scratch:
        remove_abandoned(output)
        jobs = _plan(inputs, output, scratch, wanted, say)
        todo = [job for job in jobs if not _is_finished(job, output, table, wanted)]
        if len(todo) < len(jobs):
            say(f"finished before: {len(jobs) - len(todo)} of {len(jobs)}")
        runs = [run] if isinstance(run, RunFolder) else run
        ensemble = Ensemble.load(runs, checkpoint, device, options, batch_size)
        with _colour_tables(output, ensemble.values):
            _predict(ensemble, todo, output, table, wanted, progress)
    return table.path


def _plan(inputs: Sequence[Path], output: Path, scratch: Path, wanted: Wanted, say: Callable[[str], None]) -> list[Job]:
    found = find_images(inputs, output, scratch)
    problems = list(found.problems)
    dicom = importlib.util.find_spec("highdicom") is not None
    try:
        jobs = plan_jobs(found.images, output, into=wanted.into, existing=wanted.existing, dicom=dicom)
    except InputErrors as error:
        problems += error.errors
    if problems:
        raise InputErrors(problems)
    for message in found.aside:
        say(message)
    if not jobs:
        raise InputError("there is no image to segment", remedy="look at what was left aside")
    if not dicom and wanted.into is None and any(job.image.kind == "dicom" for job in jobs):
        say("DICOM series become NIfTI here; for DICOM segmentations: pip install 'medsize[dicom]'")
    return jobs


def _is_finished(job: Job, output: Path, table: VolumesTable, wanted: Wanted) -> bool:
    return wanted.existing == "resume" and job.output.exists() and _file(job, output) in table


def _file(job: Job, output: Path) -> str:
    return job.output.relative_to(output).as_posix()


def _predict(
    ensemble: Ensemble,
    jobs: list[Job],
    output: Path,
    table: VolumesTable,
    wanted: Wanted,
    progress: Callable[[int, int], None] | None,
) -> None:
    problems: list[InputError] = []
    done = 0

    def read(job: Job) -> list[Volume]:
        frames = job.image.read()
        if job.output.suffix in (".nrrd", ".mha") and job.image.kind in ("nifti", "dicom"):
            check_axes(frames[0].affine, job.image.path)
        return frames

    def compute(frames: list[Volume]) -> Segmented:
        classes, probabilities = [], []
        for frame in frames:
            kept = np.zeros((len(ensemble.values), *frame.array.shape), np.float32) if wanted.probabilities else None
            classes.append(ensemble.predict(frame, kept))
            if kept is not None:
                probabilities.append(kept)
        return Segmented(frames, classes, probabilities or None)

    def write(job: Job, segmented: Segmented) -> None:
        labels = [to_source_values(classes, ensemble.values) for classes in segmented.classes]
        write_results(job, output, segmented, labels, ensemble.values, picture=wanted.pictures)
        table.add(_file(job, output), labels, segmented.frames[0].voxel_ml, ensemble.values)

    def finished(problem: InputError | None) -> None:
        nonlocal done
        done += 1
        if problem is not None:
            problems.append(problem)
        if progress:
            progress(done, len(jobs))

    if progress:
        progress(0, len(jobs))
    try:
        stream(jobs, read, compute, write, finished)
    finally:  # also when interrupted: what was segmented is in the table
        table.write()
    if problems:
        raise InputErrors(problems)


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make a folder, and in the end remove it and those above it again if they are new and empty."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in missing:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def _colour_tables(output: Path, values: dict[str, int]) -> Iterator[None]:
    """Write the colours of the values, which also shows that the folder can be written to; keep them with results."""
    texts = {"labels_itksnap.txt": itk_snap_labels(values), "labels_slicer.ctbl": slicer_colours(values)}
    new = [output / name for name in texts if not (output / name).exists()]
    for name, text in texts.items():
        write_text(output / name, text)
    try:
        yield
    finally:
        if not (output / VOLUMES_NAME).exists():
            for path in new:
                path.unlink()
