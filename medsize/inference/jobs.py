"""Where the results of each image go, and what is wrong with that, before any work."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Final, Literal

from medsize.data.dicom_series import DicomSeries
from medsize.data.inputs import Image, Kind
from medsize.errors import InputError, InputErrors
from medsize.names import name_key
from medsize.text import printable

VOLUMES_NAME: Final = "volumes.csv"
PROBABILITIES: Final = "probabilities"
PICTURES: Final = "pictures"
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
        folder: Of all results.
        name: Of the result without suffix, relative to the folder, with forward slashes.
        suffix: Of the label file.
    """

    image: Image
    folder: Path
    name: str
    suffix: str

    @property
    def file(self) -> str:
        """The label file, relative to the folder, with forward slashes; what ``volumes.csv`` calls it."""
        return f"{self.name}{self.suffix}"

    @property
    def output(self) -> Path:
        """The label file to write."""
        return inside(self.folder, self.file)

    @property
    def picture(self) -> Path:
        """The picture to write."""
        return inside(self.folder, f"{PICTURES}/{self.name}.png")

    def probability(self, structure: str) -> Path:
        """Return the file to write for the probability of a structure."""
        suffix = ".nii.gz" if self.suffix == ".dcm" else self.suffix
        return inside(self.folder, f"{PROBABILITIES}/{self.name}_{structure}{suffix}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        jobs: In the order of the images.
        problems: Of the images that have no job.
    """

    jobs: list[Job]
    problems: list[InputError]


def inside(folder: Path, name: str) -> Path:
    """Return the path of a result: names come from files and from runs of anywhere, and none may lead out of a folder.

    Raises:
        InputError: It would.
    """
    pure = PurePath(name)
    if pure.is_absolute() or pure.drive or ".." in pure.parts or "\0" in name:
        raise InputError(
            f"a result cannot be called '{name}'",
            expected=f"a name that stays in {folder}",
            remedy="rename the image, or the structure in the run's configuration",
        )
    return folder / pure


def plan_jobs(images: Sequence[Image], output: Path, *, into: Format | None, existing: Existing, dicom: bool) -> Plan:
    """Name the results of images.

    ``heart.nii.gz`` and ``heart/`` become ``heart.nii.gz`` and ``heart.dcm`` in ``output``. Images of one name from
    different folders keep as much of their folders as tells them apart: ``a/heart.nii.gz`` and ``b/heart.nii.gz``.
    Letters that are none in Unicode, or that act on a terminal, become ``%`` and their bytes: ``caf%E9.nii.gz``.

    Images that share a result, whose result would replace an input, or of which no DICOM segmentation can be made
    have no job but a problem; the others are not kept from theirs.

    Args:
        images: The images.
        output: Folder of the results.
        into: The format of all results; by default each has that of its image.
        existing: What becomes of results that are there already: they are an error, replaced, or kept.
        dicom: Whether DICOM segmentations can be written here; without, series become NIfTI by default.

    Raises:
        InputErrors: Results are there already, and nobody said what becomes of them; with all other problems.
    """
    jobs = [_job(image, output, into, dicom) for image in images]
    jobs = [replaced for group in _by_name(jobs).values() for replaced in _told_apart(group)]
    order = {id(image): place for place, image in enumerate(images)}
    jobs.sort(key=lambda job: order[id(job.image)])
    problems: list[InputError] = []
    for rule in (_not_from_dicom, _collisions, _into_inputs):
        for problem, concerned in rule(jobs):
            problems.append(problem)
            without = {id(job) for job in concerned}
            jobs = [job for job in jobs if id(job) not in without]
    if existing == "refuse" and (there := [job.output for job in jobs if job.output.exists()]):
        raise InputErrors([*problems, _there_already(there)])
    return Plan(jobs, problems)


def is_cine(image: Image) -> bool:
    """Tell a DICOM series of several time frames, which no DICOM segmentation refers to."""
    return isinstance(image.source, DicomSeries) and image.source.phases > 1


def _job(image: Image, output: Path, into: Format | None, dicom: bool) -> Job:
    chosen = "png" if image.kind == "photo" else into or _OWN[image.kind]
    if into is None and chosen == "dicom-seg" and (not dicom or is_cine(image)):
        chosen = "nifti"
    plain = chosen == image.kind == "nifti" and image.path.name.lower().endswith(".nii")
    return Job(image, output, _writable(image.name), ".nii" if plain else _SUFFIXES[chosen])


def _writable(name: str) -> str:
    """Return a name that every table and terminal takes."""
    return "".join(letter if _is_plain(letter) else _percent(letter) for letter in name)


def _is_plain(letter: str) -> bool:
    return letter not in "\n\t" and printable(letter) == letter


def _percent(letter: str) -> str:
    undecoded = "\udc80" <= letter <= "\udcff"  # a byte of a name that is not in the system's encoding
    return "".join(
        f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogateescape" if undecoded else "surrogatepass")
    )


def _by_name(jobs: list[Job]) -> dict[str, list[Job]]:
    named: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        named[name_key(job.name)].append(job)  # as file systems compare that do not know capitals, or compose letters
    return named


def _told_apart(jobs: list[Job]) -> list[Job]:
    if len(jobs) == 1:
        return jobs
    above = Path(os.path.commonpath([job.image.folder for job in jobs]))
    folders = [_writable(job.image.folder.relative_to(above).as_posix()) for job in jobs]
    return [
        replace(job, name=(PurePosixPath(folder) / job.name).as_posix())
        for job, folder in zip(jobs, folders, strict=True)
    ]


def _not_from_dicom(jobs: list[Job]) -> Iterator[tuple[InputError, list[Job]]]:
    others = [job for job in jobs if job.suffix == ".dcm" and (job.image.kind != "dicom" or is_cine(job.image))]
    if others:
        yield (
            InputError(
                f"{len(others)} input(s) cannot become DICOM segmentations",
                expected="DICOM series of one time frame, which a segmentation refers to",
                found=_some([job.image.path for job in others]),
                remedy="leave out --format dicom-seg, or predict them on their own",
            ),
            others,
        )


def _collisions(jobs: list[Job]) -> Iterator[tuple[InputError, list[Job]]]:
    for several in _by_name(jobs).values():
        if len(several) > 1:
            yield (
                InputError(
                    f"{len(several)} inputs would be written to {several[0].output}",
                    found=", ".join(str(job.image.path) for job in several),
                    remedy="rename them, or predict them into different folders",
                ),
                several,
            )


def _into_inputs(jobs: list[Job]) -> Iterator[tuple[InputError, list[Job]]]:
    inputs = {job.image.place for job in jobs}
    for job in jobs:
        if job.output.resolve() in inputs:
            yield (
                InputError(
                    f"the result of {job.image.path} would replace an input",
                    found=str(job.output),
                    remedy="choose another folder with -o",
                ),
                [job],
            )


def _there_already(there: list[Path]) -> InputError:
    return InputError(
        f"{len(there)} result(s) are there already",
        found=_some(there),
        remedy="choose another folder with -o, keep them with --resume, or replace them with --overwrite",
    )


def _some(paths: list[Path]) -> str:
    return ", ".join(map(str, paths[:5])) + (", …" if len(paths) > 5 else "")
