"""Segmenting files: labels on exactly the images' grids, volumes in mL, and what helps to look at them."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from medsize.claim import claimed
from medsize.console import ProgressCallback
from medsize.data.grid_files import check_axes
from medsize.data.inputs import find_images
from medsize.data.volumes import Volume
from medsize.digests import file_digest, files_digest, stamp
from medsize.errors import InputError, InputErrors
from medsize.failures import failure
from medsize.files import remove_abandoned, scratch_folder, write_text
from medsize.inference.colours import itk_snap_labels, slicer_colours
from medsize.inference.ensemble import Ensemble
from medsize.inference.jobs import (
    PICTURES,
    PROBABILITIES,
    VOLUMES_NAME,
    Existing,
    Format,
    Job,
    Plan,
    is_cine,
    plan_jobs,
)
from medsize.inference.label_values import to_source_values
from medsize.inference.options import NETWORK_ALONE, PredictionOptions
from medsize.inference.origin import Origin, load_with_origin, short
from medsize.inference.planes import Planes
from medsize.inference.results import Segmented, write_results
from medsize.inference.resume import unfinished
from medsize.inference.stream import stream
from medsize.inference.volumes_table import VolumesTable
from medsize.run_folder import Checkpoint, RunFolder

_WITHDRAWN_AT_ONCE: Final = 100
"""Results whose earlier rows leave the table together: a table of thousands is not written for each."""


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
    progress: ProgressCallback | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Path:
    """Segment images with the network of a run, or with those of several as an ensemble.

    Every image becomes one label file in ``output`` on exactly its grid, with the values of the run's own label files
    (3 for ACDC's LV); a 4-D image becomes a 4-D file, frame by frame. Beside them lie ``pictures/``, the names and
    colours of the values for ITK-SNAP and 3D Slicer, and ``volumes.csv`` with the columns ``file, frame, structure,
    volume_ml``, where frames count from 1 as ACDC's do and are blank for a 3-D image, and those of
    :class:`~medsize.inference.origin.Origin`; its rows of other files are kept.

    Whatever goes wrong with one input is a failure of that one. Reading, the network and writing go on at the same
    time; at most a few images are in memory.

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
        InputError: The run, the device or the output folder cannot be used, another process is at work in it, or the
            disk is full.
        InputErrors: Results are there already and nobody said what becomes of them (nothing was done), or some inputs
            could not be used (all others were).
    """
    with claimed(output, "predicting"), scratch_folder(output / "unpacked") as scratch:
        table = VolumesTable.read(output / VOLUMES_NAME)
        plan = _plan(inputs, output, scratch, wanted, say)
        _remove_abandoned(output, plan.jobs)
        runs = [run] if isinstance(run, RunFolder) else run
        ensemble, origin = load_with_origin(runs, checkpoint, device, options, batch_size)
        todo = plan.jobs
        if wanted.existing == "resume":
            todo = unfinished(
                plan.jobs,
                table,
                origin,
                list(ensemble.values),
                pictures=wanted.pictures,
                probabilities=wanted.probabilities,
                say=say,
            )
        with _colour_tables(output, ensemble.values):
            problems = plan.problems + _predict(ensemble, origin, todo, table, wanted, progress)
        failed = len(problems)
        done = len(todo) - (failed - len(plan.problems))
        kept = f"kept from before: {len(plan.jobs) - len(todo)}, " if wanted.existing == "resume" else ""
        say(f"predicted: {done}, {kept}failed: {failed}")
    if problems:
        raise InputErrors(problems) from next((problem for problem in problems if problem.__cause__), None)
    return table.path


def _plan(inputs: Sequence[Path], output: Path, scratch: Path, wanted: Wanted, say: Callable[[str], None]) -> Plan:
    found = find_images(inputs, output, scratch)
    dicom = importlib.util.find_spec("highdicom") is not None
    try:
        plan = plan_jobs(found.images, output, into=wanted.into, existing=wanted.existing, dicom=dicom)
    except InputErrors as error:
        raise InputErrors(found.problems + error.errors) from error
    problems = found.problems + plan.problems
    for message in found.aside:
        say(message)
    if not plan.jobs:
        raise InputErrors(
            problems or [InputError("there is no image to segment", remedy="look at what was left aside")]
        )
    cines = [str(job.image.path) for job in plan.jobs if is_cine(job.image)]
    if dicom and wanted.into is None and cines:
        say(f"DICOM series of several time frames become NIfTI: {', '.join(cines)}")
    if not dicom and wanted.into is None and any(job.image.kind == "dicom" for job in plan.jobs):
        say("DICOM series become NIfTI here; for DICOM segmentations: pip install 'medsize[dicom]'")
    return Plan(plan.jobs, problems)


def _remove_abandoned(output: Path, jobs: Sequence[Job]) -> None:
    """Remove what killed predictions left, wherever results go."""
    folders = {PurePosixPath(job.name).parent for job in jobs} | {PurePosixPath()}
    for place in (output, output / PROBABILITIES, output / PICTURES):
        for folder in folders:
            if (place / folder).is_dir():
                remove_abandoned(place / folder)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A job whose image was read, with the digest of what was read."""

    job: Job
    frames: list[Volume]
    digest: str


@dataclass(frozen=True, slots=True)
class _Computed:
    """What was found in the image of a job."""

    loaded: _Loaded
    segmented: Segmented


def _predict(
    ensemble: Ensemble,
    origin: Origin,
    jobs: list[Job],
    table: VolumesTable,
    wanted: Wanted,
    progress: ProgressCallback | None,
) -> list[InputError]:
    """Segment the images of jobs; return the failures of those that could not be."""
    files = [job.file for job in jobs]
    at = {file: number for number, file in enumerate(files)}
    begun: set[str] = set()
    problems: list[InputError] = []
    done = 0

    def read(job: Job) -> _Loaded:
        with _failing(job, "cannot be read", "copy or convert the file again"):
            before = stamp(job.image.files)
            digest = short(files_digest(job.image.files))
            frames = job.image.read()
            if job.suffix in (".nrrd", ".mha") and job.image.kind in ("nifti", "dicom"):
                check_axes(frames[0].affine, job.image.path)
            if stamp(job.image.files) != before:
                raise _changed(job)
            return _Loaded(job, frames, digest)

    def compute(loaded: _Loaded) -> _Computed:
        with _failing(loaded.job, "cannot be segmented", "look at the image in a viewer, or leave it out"):
            moved = Planes(loaded.frames, lambda share: report(at[loaded.job.file] + share))
            classes, probabilities = [], []
            for frame in loaded.frames:
                shape = (len(ensemble.values), *frame.array.shape)
                kept = np.zeros(shape, np.float32) if wanted.probabilities else None
                classes.append(ensemble.predict(frame, kept, moved))
                if kept is not None:
                    probabilities.append(kept)
            return _Computed(loaded, Segmented(loaded.frames, classes, probabilities or None))

    def write(job: Job, computed: _Computed) -> None:
        with _failing(job, "was segmented, but the result cannot be written", "choose another folder with -o"):
            segmented = computed.segmented
            labels = [to_source_values(classes, ensemble.values) for classes in segmented.classes]
            table.withdraw(files[at[job.file] : at[job.file] + _WITHDRAWN_AT_ONCE])
            begun.add(job.file)
            write_results(job, segmented, labels, ensemble.values, picture=wanted.pictures)
            made = replace(origin, input=computed.loaded.digest, label=short(file_digest(job.output)))
            table.add(job.file, labels, segmented.frames[0].voxel_ml, ensemble.values, made)

    def finished(problem: InputError | None) -> None:
        nonlocal done
        done += 1
        if problem is not None:
            problems.append(problem)
        report(done)

    shown = -1.0

    def report(position: float) -> None:  # the network is ahead of what is written
        nonlocal shown
        if progress and position > shown:
            shown = position
            progress(position, len(jobs))

    report(0)
    try:
        stream(jobs, read, compute, write, finished)
    finally:  # also when interrupted: what was segmented is in the table, and of what was not replaced the old is
        table.give_back(but=begun)
        table.write()
    return problems


@contextmanager
def _failing(job: Job, what: str, remedy: str) -> Iterator[None]:
    """Make whatever is raised over an image the failure of that image."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise failure(job.image.path, what, error, remedy) from error


def _changed(job: Job) -> InputError:
    return InputError(
        f"{job.image.path} changed while it was read", remedy="predict it again when nobody writes it any more"
    )


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
