"""What a user named to be segmented: files, folders, patterns and archives, as images one by one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path
from typing import Literal

from medsize.data.archives import unpack
from medsize.data.detached import detached_files
from medsize.data.dicom_files import SUFFIXES as DICOM_SUFFIXES
from medsize.data.dicom_files import has_dicom_name, is_dicom
from medsize.data.dicom_series import DicomSeries, decode_series, find_series, left_aside, series_names
from medsize.data.formats import ITK_SUFFIXES, NIFTI_SUFFIXES
from medsize.data.photos import PHOTO_SUFFIXES
from medsize.data.volumes import Volume, frames_of, read_frames
from medsize.errors import InputError
from medsize.failures import failure

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
            InputError: It cannot be used; the message names it as the user knows it.
        """
        if isinstance(self.source, DicomSeries):
            return frames_of(decode_series(self.source, self.path), self.path)
        try:
            return read_frames(self.source)
        except InputError as error:
            raise InputError(str(error).replace(str(self.source), str(self.path))) from error

    @property
    def place(self) -> Path | DicomSeries:
        """Where it is, however it was named: of a link the file that it leads to."""
        if isinstance(self.source, DicomSeries):
            return self.source
        return self.source.resolve() if self.source.is_symlink() else self.folder / self.path.name

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is read of it."""
        if isinstance(self.source, DicomSeries):
            return self.source.files
        return (self.source, *detached_files(self.source))


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
    one are sorted into series together. What cannot be used does not keep the others from being found.

    Args:
        inputs: Files, folders, archives and patterns.
        output: Folder of the results.
        scratch: Where archives are unpacked, one folder each.
    """
    found = Found()
    loose: list[Path] = []
    for given in inputs:
        matches: list[Path] = []
        with _named(given, found):
            matches = _matches(given)
        for path in matches:
            with _named(path, found):
                _add(path, loose, output, scratch, found)
    with _named(loose[0] if loose else output, found):
        _add_series(list(dict.fromkeys(loose)), None, found)
    found.images = list({image.place: image for image in found.images}.values())
    return found


@contextmanager
def _named(path: Path, found: Found) -> Iterator[None]:
    """Make whatever goes wrong over an input a problem of that input alone."""
    try:
        yield
    except InputError as error:
        found.problems.append(error)
    except Exception as error:
        found.problems.append(
            failure(path, "cannot be searched for images", error, "look at its name, its permissions and its content")
        )


def _matches(given: Path) -> list[Path]:
    if given.exists():
        return [given]
    anchor = Path(given.anchor)
    matches = sorted(anchor.glob(str(given.relative_to(anchor)))) if has_magic(str(given)) else []
    if not matches:
        raise InputError(f"{given}: no such file or folder")
    return matches


def _add(path: Path, loose: list[Path], output: Path, scratch: Path, found: Found) -> None:
    """Add what one path stands for; single DICOM files are put with the loose ones."""
    if path.is_dir():
        _add_folder(path, path, output, found)
    elif path.name.lower().endswith(".zip"):
        _add_archive(path, scratch / str(len(found.archives)), found)
    elif path.name.lower().endswith(_SUFFIXES):
        found.images.append(_of_file(path, path, path.parent.resolve()))
    elif has_dicom_name(path) or is_dicom(path):
        loose.append(path)
    else:
        raise _unknown(path)


def _add_archive(path: Path, folder: Path, found: Found) -> None:
    empty = unpack(path, folder)
    found.archives.append(path)
    _add_folder(folder, path, None, found, empty)


def _unknown(path: Path) -> InputError:
    return InputError(
        f"{path} has a format that is not known",
        expected=f"{', '.join(_SUFFIXES)}, DICOM, or a folder or .zip of these",
        remedy="convert it to NIfTI",
    )


def _add_folder(folder: Path, shown: Path, output: Path | None, found: Found, empty: Sequence[str] = ()) -> None:
    """Add what is in a folder, which the user knows as ``shown``, except what lies in ``output``.

    Files of an archive that are ``empty`` are not in the folder.
    """
    before = len(found.images), len(found.aside), len(found.problems)
    if images := [name for name in empty if name.lower().endswith(_SUFFIXES + DICOM_SUFFIXES)]:
        found.problems.append(_empty(images, shown))
    files = sorted(_files(folder, shown, output, found))
    whole = shown.resolve()
    for file in files:
        if file.name.lower().endswith(_SUFFIXES) and not file.name.lower().endswith("_gt.nii.gz"):
            inside = file.relative_to(folder)
            found.images.append(_of_file(file, shown / inside, whole / inside.parent))
    with _named(shown, found):
        _add_series([file for file in files if has_dicom_name(file) or is_dicom(file)], (folder, shown), found)
    for file in files:
        if file.name.lower().endswith(".zip"):
            found.aside.append(f"left aside: {_shown(file, (folder, shown))}, an archive in a folder; name it itself")
        elif not file.name.lower().endswith(_SUFFIXES) and not os.access(file, os.R_OK):
            found.aside.append(f"left aside: {_shown(file, (folder, shown))}, which may not be read")
    if before == (len(found.images), len(found.aside), len(found.problems)):
        raise InputError(
            f"there is no image in {shown}",
            expected=f"files ending in {', '.join(_SUFFIXES)}, or DICOM files",
            found=f"{len(files)} other files" + (f" and {len(empty)} empty ones" if empty else ""),
            remedy="name the folder that holds the images",
        )


def _empty(images: Sequence[str], archive: Path) -> InputError:
    return InputError(
        f"{len(images)} of the images in {archive} {'is' if len(images) == 1 else 'are'} empty",
        found=", ".join(images[:5]) + (", …" if len(images) > 5 else ""),
        remedy="make the archive again",
    )


def _files(folder: Path, shown: Path, output: Path | None, found: Found) -> Iterator[Path]:
    """Yield the files in and below a folder; folders that cannot be looked into are problems, links are left aside."""

    def refused(error: OSError) -> None:
        where = _shown(Path(error.filename), (folder, shown))
        found.problems.append(
            failure(where, "cannot be looked into", error, "change its permissions, or name the rest")
        )

    within = None if output is None else output.resolve()
    for name, folders, files in os.walk(folder, onerror=refused):
        here = Path(name)
        if within is not None and here.resolve().is_relative_to(within):
            folders.clear()
            continue
        folders[:] = [each for each in folders if not each.startswith(".")]
        linked = [here / each for each in folders if (here / each).is_symlink()]
        found.aside += [f"left aside: {_shown(link, (folder, shown))}, a link to a folder" for link in linked]
        yield from (here / each for each in files if not each.startswith(".") and (here / each).is_file())


def _of_file(file: Path, shown: Path, folder: Path) -> Image:
    name = file.name.lower()
    suffix = next(suffix for suffix in sorted(_SUFFIXES, key=len, reverse=True) if name.endswith(suffix))
    itk: Kind = "nrrd" if suffix in (".nrrd", ".nhdr") else "mha"
    kind: Kind = "nifti" if suffix in NIFTI_SUFFIXES else "photo" if suffix in PHOTO_SUFFIXES else itk
    return Image(shown, file.name[: -len(suffix)], folder, kind, file)


def _add_series(files: list[Path], place: tuple[Path, Path] | None, found: Found) -> None:
    """Add the series among DICOM files; ``place`` is the folder they are from, and as what the user knows it."""
    series, aside = find_series(files)
    for left in aside:
        shown = _shown(left.files[0], place)
        if left.is_problem:
            found.problems.append(left_aside(left, shown))
            continue
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
