"""Which files are to be segmented, and where each result goes; everything wrong with that, before any work."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medsize.data.formats import ITK_SUFFIXES, NIFTI_SUFFIXES
from medsize.errors import InputError, InputErrors

_SUFFIXES = NIFTI_SUFFIXES + ITK_SUFFIXES
VOLUMES_NAME = "volumes.csv"


@dataclass(frozen=True, slots=True)
class Job:
    """One image to segment.

    Attributes:
        image: A file, or the folder of a DICOM series.
        output: The label file to write, ``.nii.gz``.
    """

    image: Path
    output: Path


def plan_jobs(inputs: Sequence[Path], output: Path, *, overwrite: bool) -> list[Job]:
    """Find the images and name their results.

    A folder stands for all images in it and below it: every file of a known format, without ACDC's label files
    (``*_gt.nii.gz``), hidden files and what lies in ``output``. A folder without any is taken as a DICOM series.

    Args:
        inputs: Files and folders.
        output: Folder of the results; ``heart.nii``, ``heart.mha`` and ``heart/`` all become ``heart.nii.gz`` there.
        overwrite: Whether results that are there already may be replaced.

    Raises:
        InputErrors: An input is missing, two inputs share an output, an output is there already or is an input.
    """
    missing: list[InputError] = [InputError(f"{path}: no such file or folder") for path in inputs if not path.exists()]
    images = list(dict.fromkeys(image for path in inputs if path.exists() for image in _images(path, output)))
    jobs = [Job(image, output / f"{_stem(image)}.nii.gz") for image in images]
    problems = missing + list(_collisions(jobs)) + list(_replacements(jobs, overwrite=overwrite))
    if problems:
        raise InputErrors(problems)
    return jobs


def _images(path: Path, output: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    result = output.resolve()
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.name.lower().endswith(_SUFFIXES)
        and not file.name.startswith(".")
        and not file.name.endswith("_gt.nii.gz")
        and not file.resolve().is_relative_to(result)
    ]
    return found or [path]


def _stem(image: Path) -> str:
    suffix = next((suffix for suffix in _SUFFIXES if image.name.lower().endswith(suffix)), "")
    return image.resolve().name if image.is_dir() else image.name[: len(image.name) - len(suffix)]


def _collisions(jobs: list[Job]) -> Iterator[InputError]:
    images: dict[Path, list[Path]] = defaultdict(list)
    for job in jobs:
        images[job.output].append(job.image)
    for output, several in images.items():
        if len(several) > 1:
            yield InputError(
                f"{len(several)} inputs would be written to {output}",
                found=", ".join(map(str, several)),
                remedy="rename them, or predict them into different folders",
            )


def _replacements(jobs: list[Job], *, overwrite: bool) -> Iterator[InputError]:
    inputs = {job.image.resolve() for job in jobs}
    there = [job.output for job in jobs if job.output.exists() and job.output.resolve() not in inputs]
    if there and not overwrite:
        yield InputError(
            f"{len(there)} result(s) are there already",
            found=", ".join(map(str, there[:5])) + (", …" if len(there) > 5 else ""),
            remedy="choose another folder with -o, or replace them with --overwrite",
        )
    for job in jobs:
        if job.output.resolve() in inputs:
            yield InputError(
                f"the result of {job.image} would replace an input",
                found=str(job.output),
                remedy="choose another folder with -o",
            )
