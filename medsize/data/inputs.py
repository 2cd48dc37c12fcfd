"""What a user named to be segmented: files, folders, patterns and archives, as images one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path
from typing import Literal

from medsize.data.archives import unpack
from medsize.data.dicom_series import DicomSeries, decode_series, find_series, is_dicom, series_names
from medsize.data.formats import ITK_SUFFIXES, NIFTI_SUFFIXES
from medsize.data.photos import PHOTO_SUFFIXES
from medsize.data.volumes import Volume, frames_of, read_frames
from medsize.errors import InputError

Kind = Literal["nifti", "nrrd", "mha", "dicom", "photo"]
_SUFFIXES = NIFTI_SUFFIXES + ITK_SUFFIXES + PHOTO_SUFFIXES


@dataclass(frozen=True, slots=True)
class Image:
    """One image to segment, of one or several time frames.

    Attributes:
        path: The file, or the folder or archive with the series; what messages call it.
        name: Without suffix; what results are named after.
        folder: Where it lies for the user, which tells images of one name apart.
        kind: The format.
        source: What is read: a file, which may be one unpacked of an archive, or a DICOM series.
    """

    path: Path
    name: str
    folder: Path
    kind: Kind
    source: Path | DicomSeries

    def read(self) -> list[Volume]:
        """Read it as one volume a time frame.

        Raises:
            InputError: It cannot be used.
        """
        if isinstance(self.source, DicomSeries):
            return frames_of(decode_series(self.source, self.path), self.path)
        return read_frames(self.source)


@dataclass(slots=True)
class Found:
    """What was found among inputs.

    Attributes:
        images: Each once, in the order of the inputs.
        aside: What was left aside and why, in sentences.
        problems: Inputs that cannot be used.
        archives: What was unpacked.
    """

    images: list[Image] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    problems: list[InputError] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)


def find_images(inputs: Sequence[Path], output: Path, scratch: Path) -> Found:
    """Find the images that inputs stand for.

    A folder stands for all images in and below it: files of a known format and DICOM series, without ACDC's label
    files (``*_gt.nii.gz``), hidden files and what lies in ``output``. A ``.zip`` stands for what is in it, a pattern
    (``scans/*.nii.gz``, ``**`` for folders of any depth) for the paths that match. DICOM files that are named one by
    one are sorted into series together.

    Args:
        inputs: Files, folders, archives and patterns.
        output: Folder of the results.
        scratch: Where archives are unpacked, one folder each.
    """
    found = Found()
    loose: list[Path] = []
    for path in [path for given in inputs for path in _matches(given, found)]:
        if path.is_dir():
            _add_folder(path, path, output, found)
        elif path.name.lower().endswith(".zip"):
            _add_archive(path, scratch / str(len(found.archives)), output, found)
        elif path.name.lower().endswith(_SUFFIXES):
            found.images.append(_of_file(path, path))
        elif is_dicom(path):
            loose.append(path)
        else:
            found.problems.append(_unknown(path))
    _add_series(list(dict.fromkeys(loose)), None, found)
    images = {
        image.source.resolve() if isinstance(image.source, Path) else image.source: image for image in found.images
    }
    found.images = list(images.values())
    return found


def _matches(given: Path, found: Found) -> list[Path]:
    if given.exists():
        return [given]
    anchor = Path(given.anchor)
    matches = sorted(anchor.glob(str(given.relative_to(anchor)))) if has_magic(str(given)) else []
    if not matches:
        found.problems.append(InputError(f"{given}: no such file or folder"))
    return matches


def _unknown(path: Path) -> InputError:
    return InputError(
        f"{path} has a format that is not known",
        expected=f"{', '.join(_SUFFIXES)}, DICOM, or a folder or .zip of these",
        remedy="convert it to NIfTI",
    )


def _add_folder(folder: Path, shown: Path, output: Path, found: Found) -> None:
    """Add what is in a folder, which the user knows as ``shown``."""
    before = len(found.images), len(found.aside)
    files = list(_files(folder, output.resolve()))
    for file in files:
        if file.name.lower().endswith(_SUFFIXES) and not file.name.lower().endswith("_gt.nii.gz"):
            found.images.append(_of_file(file, shown / file.relative_to(folder)))
    _add_series([file for file in files if is_dicom(file)], (folder, shown), found)
    if before == (len(found.images), len(found.aside)):
        found.problems.append(
            InputError(
                f"there is no image in {shown}",
                expected=f"files ending in {', '.join(_SUFFIXES)}, or DICOM files",
                found=f"{len(files)} other files",
                remedy="name the folder that holds the images",
            )
        )


def _files(folder: Path, output: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and not path.resolve().is_relative_to(output):
            yield path


def _add_archive(path: Path, folder: Path, output: Path, found: Found) -> None:
    try:
        unpack(path, folder)
    except InputError as error:
        found.problems.append(error)
        return
    found.archives.append(path)
    _add_folder(folder, path, output, found)


def _of_file(file: Path, shown: Path) -> Image:
    name = file.name.lower()
    suffix = next(suffix for suffix in sorted(_SUFFIXES, key=len, reverse=True) if name.endswith(suffix))
    itk: Kind = "nrrd" if suffix in (".nrrd", ".nhdr") else "mha"
    kind: Kind = "nifti" if suffix in NIFTI_SUFFIXES else "photo" if suffix in PHOTO_SUFFIXES else itk
    return Image(shown, file.name[: -len(suffix)], shown.resolve().parent, kind, file)


def _add_series(files: list[Path], place: tuple[Path, Path] | None, found: Found) -> None:
    """Add the series among DICOM files; ``place`` is the folder they are from, and as what the user knows it."""
    series, aside = find_series(files)
    for left in aside:
        shown = _shown(left.files[0], place)
        others = f" and {len(left.files) - 1} more" if len(left.files) > 1 else ""
        found.aside.append(f"left aside: {shown}{others}, which {left.reason}")
    if place is not None and len(series) == 1:
        _, shown = place
        whole = shown.resolve()
        name = whole.stem if whole.suffix.lower() == ".zip" else whole.name
        found.images.append(Image(shown, name, whole.parent, "dicom", series[0]))
        return
    folders = list(dict.fromkeys(one.folder for one in series))
    for folder in folders:
        for one, name in series_names([one for one in series if one.folder == folder]):
            where = _shown(one.folder, place)
            found.images.append(Image(where / name, name, where.resolve(), "dicom", one))


def _shown(path: Path, place: tuple[Path, Path] | None) -> Path:
    return path if place is None else place[1] / path.relative_to(place[0])
