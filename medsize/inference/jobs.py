"""Where the result of each image goes; everything wrong with that, before any work."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from medsize.data.inputs import Image, Kind
from medsize.errors import InputError, InputErrors

VOLUMES_NAME = "volumes.csv"
Format = Literal["nifti", "nrrd", "mha", "dicom-seg", "png"]
Existing = Literal["refuse", "overwrite", "resume"]
_OWN: Final[dict[Kind, Format]] = {
    "nifti": "nifti",
    "nrrd": "nrrd",
    "mha": "mha",
    "dicom": "dicom-seg",
    "photo": "png",
}
_SUFFIXES: Final[dict[Format, str]] = {
    "nifti": ".nii.gz",
    "nrrd": ".nrrd",
    "mha": ".mha",
    "dicom-seg": ".dcm",
    "png": ".png",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One image to segment.

    Attributes:
        image: The image.
        output: The label file to write.
        name: Of the result without suffix, relative to the folder of results, with forward slashes.
    """

    image: Image
    output: Path
    name: str


def plan_jobs(
    images: Sequence[Image], output: Path, *, into: Format | None, existing: Existing, dicom: bool
) -> list[Job]:
    """Name the results of images.

    ``heart.nii.gz`` and ``heart/`` become ``heart.nii.gz`` and ``heart.dcm`` in ``output``. Images of one name from
    different folders keep as much of their folders as tells them apart: ``a/heart.nii.gz`` and ``b/heart.nii.gz``.

    Args:
        images: The images.
        output: Folder of the results.
        into: The format of all results; by default each has that of its image.
        existing: What becomes of results that are there already: they are an error, replaced, or kept.
        dicom: Whether DICOM segmentations can be written here; without, series become NIfTI by default.

    Raises:
        InputErrors: Two images share a result, a result is there already or is an input, or no DICOM segmentation
            can be made of an image.
    """
    jobs = [_job(image, image.name, output, into, dicom) for image in images]
    jobs = [replaced for group in _by_name(jobs).values() for replaced in _told_apart(group, output)]
    order = {id(image): place for place, image in enumerate(images)}
    jobs.sort(key=lambda job: order[id(job.image)])
    problems = [
        *_not_from_dicom(jobs),
        *_collisions(jobs),
        *_into_inputs(jobs),
        *(_there_already(jobs) if existing == "refuse" else ()),
    ]
    if problems:
        raise InputErrors(problems)
    return jobs


def _job(image: Image, name: str, output: Path, into: Format | None, dicom: bool) -> Job:
    chosen = "png" if image.kind == "photo" else into or _OWN[image.kind]
    if into is None and chosen == "dicom-seg" and not dicom:
        chosen = "nifti"
    plain = chosen == image.kind == "nifti" and image.path.name.lower().endswith(".nii")
    return Job(image, output / f"{name}{'.nii' if plain else _SUFFIXES[chosen]}", name)


def _by_name(jobs: list[Job]) -> dict[str, list[Job]]:
    named: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        named[job.name.casefold()].append(job)  # as file systems compare that do not know capitals
    return named


def _told_apart(jobs: list[Job], output: Path) -> list[Job]:
    if len(jobs) == 1:
        return jobs
    above = Path(os.path.commonpath([job.image.folder for job in jobs]))
    names = [(job.image.folder.relative_to(above) / job.name).as_posix() for job in jobs]
    return [
        replace(job, name=name, output=output / f"{name}{job.output.name[len(job.name) :]}")
        for job, name in zip(jobs, names, strict=True)
    ]


def _not_from_dicom(jobs: list[Job]) -> Iterator[InputError]:
    others = [job for job in jobs if job.output.suffix == ".dcm" and job.image.kind != "dicom"]
    if others:
        yield InputError(
            f"{len(others)} input(s) cannot become DICOM segmentations",
            expected="DICOM series, which a segmentation refers to",
            found=_some([job.image.path for job in others]),
            remedy="leave out --format dicom-seg, or predict them on their own",
        )


def _collisions(jobs: list[Job]) -> Iterator[InputError]:
    for several in _by_name(jobs).values():
        if len(several) > 1:
            yield InputError(
                f"{len(several)} inputs would be written to {several[0].output}",
                found=", ".join(str(job.image.path) for job in several),
                remedy="rename them, or predict them into different folders",
            )


def _into_inputs(jobs: list[Job]) -> Iterator[InputError]:
    inputs = {job.image.path.resolve() for job in jobs}
    for job in jobs:
        if job.output.resolve() in inputs:
            yield InputError(
                f"the result of {job.image.path} would replace an input",
                found=str(job.output),
                remedy="choose another folder with -o",
            )


def _there_already(jobs: list[Job]) -> Iterator[InputError]:
    inputs = {job.image.path.resolve() for job in jobs}
    there = [job.output for job in jobs if job.output.exists() and job.output.resolve() not in inputs]
    if there:
        yield InputError(
            f"{len(there)} result(s) are there already",
            found=_some(there),
            remedy="choose another folder with -o, keep them with --resume, or replace them with --overwrite",
        )


def _some(paths: list[Path]) -> str:
    return ", ".join(map(str, paths[:5])) + (", …" if len(paths) > 5 else "")
