"""The ACDC layout: ``training/patientNNN/`` with ``Info.cfg``, two frames and their labels.

O. Bernard et al., IEEE TMI 37(11), 2018, doi 10.1109/TMI.2018.2837502.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from medsize.data.case import Case
from medsize.data.folders import broken_link, folders_among, is_folder, link_problem, listed, shown
from medsize.errors import InputError, InputErrors
from medsize.names import quoted, same_name
from medsize.text import read_text

ACDC_LABELS = {"rv": 1, "myo": 2, "lv": 3}
"""Right ventricle, myocardium and left-ventricle cavity, and their values in the label files."""

_PATIENT: Final = re.compile(r"patient[0-9]+")
_FRAME: Final = re.compile(r"(patient[0-9]+)_frame([0-9]+)(_gt)?\.nii(\.gz)?")
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_LAYOUT: Final = "training/patientNNN/ with Info.cfg, patientNNN_frameFF.nii.gz and patientNNN_frameFF_gt.nii.gz"
_INFO: Final = "lines 'ED: 1' and 'ES: 12', and 'Group: DCM' where it is known"
_REMEDY: Final = (
    "ACDC is at https://www.creatis.insa-lyon.fr/Challenge/acdc/; to try without data, "
    "'medsize data phantom FOLDER' writes a synthetic data set of the same layout"
)
_LIST_THEM: Final = (
    "list the images and labels in a manifest (docs/how-to/own-data.md) with the labels {rv: 1, myo: 2, lv: 3}, or "
    "what dataset.json calls them, or name a folder of ACDC as its authors give it"
)


def find_acdc_cases(root: Path) -> list[Case]:
    """Find the annotated frames (ED and ES) of every patient; the 4-D cine is not a case.

    Some copies have ``patientNNN_frameFF.nii``, or a folder of that name around it.

    Args:
        root: The data set, its ``training`` folder, the folder one level above it, or one patient's folder.

    Returns:
        The cases sorted by id, ``patientNNN_frameFF``, grouped by patient. Patients of a ``testing`` folder beside
        ``training`` have the split ``test``. A frame without a label file has none; a patient whose ``Info.cfg`` names
        no group has no pathology.

    Raises:
        InputError: There is no such folder, or no patient in it.
        InputErrors: Patients lack ``Info.cfg`` or a frame, or cannot be read; all of them are listed.
    """
    cases: list[Case] = []
    problems: list[InputError] = []
    for folder, split in _patient_folders(root):
        try:
            cases += _cases_of(folder, split)
        except InputError as error:
            problems.append(error)
    if problems:
        raise InputErrors(problems)
    return sorted(cases, key=lambda case: case.id)


def _patient_folders(root: Path) -> list[tuple[Path, str]]:
    content = listed(root, f"the ACDC data set, {_LAYOUT}", remedy=_REMEDY)
    if _PATIENT.fullmatch(root.name) and _info_among(content):
        return [(root, "")]
    found = _patients_in(content)
    if found:
        return found
    if nnunet := [path.name for path in content if path.name in ("imagesTr", "labelsTr", "imagesTs")]:
        raise InputError(
            f"{root} is in nnU-Net's layout ({', '.join(nnunet)}), which says neither phases nor pathologies",
            expected=_LAYOUT,
            found=shown(content),
            remedy=_LIST_THEM,
        )
    below = {child: _patients_in(_content(child)) for child in folders_among(content)}
    data_sets = [child for child, patients in below.items() if patients]
    if len(data_sets) != 1:
        raise InputError(
            f"{root} is not an ACDC data set",
            expected=_LAYOUT,
            found=f"several data sets: {', '.join(child.name for child in data_sets)}" if data_sets else shown(content),
            remedy="name one of them" if data_sets else _REMEDY,
        )
    return below[data_sets[0]]


def _content(folder: Path) -> list[Path]:
    return listed(folder, f"a folder of the ACDC data set, {_LAYOUT}")


def _patients_in(content: list[Path]) -> list[tuple[Path, str]]:
    """Return the patients directly in a folder, or in its ``training`` and ``testing``."""
    direct = _patients(content)
    parts = [path for path in content if path.name in ("training", "testing") and is_folder(path)]
    inside = {part.name: _patients(_content(part)) for part in parts if not direct}
    training = [(child, "") for child in inside.get("training", [])]
    testing = [(child, "test" if training else "") for child in inside.get("testing", [])]
    return [(child, "") for child in direct] or training + testing


def _patients(content: list[Path]) -> list[Path]:
    named = [path for path in content if _PATIENT.fullmatch(path.name)]
    return [path for path in named if broken_link(path) or is_folder(path)]


def _cases_of(folder: Path, split: str) -> list[Case]:
    if broken_link(folder):
        raise link_problem(folder)
    content = listed(folder, f"a patient's folder, {_LAYOUT}")
    path = _info_among(content)
    if path is None:
        raise InputError(f"{folder} has no Info.cfg", expected=_INFO, remedy="unpack the patient again")
    phases, pathology = _read_info(path)
    images, labels = _files_of(folder, content)
    missing = [f"frame {frame} ({phase})" for frame, phase in sorted(phases.items()) if frame not in images]
    if missing:
        raise InputError(
            f"{folder}: no image of {' and '.join(missing)}",
            expected=f"{folder.name}_frameFF.nii.gz for the frames that Info.cfg names ED and ES",
            found=", ".join(image.name for image in images.values()) or "no frame at all",
            remedy="unpack the patient again, or remove its folder",
        )
    return [
        Case(
            id=f"{folder.name}_frame{frame:02d}",
            group=folder.name,
            image=image,
            label=labels.get(frame),
            frame=frame,
            phase=phases.get(frame),
            pathology=pathology,
            split=split,
        )
        for frame, image in sorted(images.items())
    ]


def _files_of(folder: Path, content: list[Path]) -> tuple[dict[int, Path], dict[int, Path]]:
    """Return the images and the labels of a patient by the number of their frame."""
    found: dict[tuple[int, bool], list[Path]] = defaultdict(list)
    for path in content:
        if match := _FRAME.fullmatch(path.name):
            if match[1] != folder.name:
                raise InputError(
                    f"{folder} holds a file of another patient",
                    expected=f"{folder.name}_frameFF.nii.gz",
                    found=path.name,
                )
            found[int(match[2]), match[3] is not None].append(path)
    for (frame, is_label), paths in found.items():
        if len(paths) > 1:
            raise InputError(
                f"{folder}: two {'labels' if is_label else 'images'} of frame {frame}",
                found=", ".join(path.name for path in paths),
                remedy="remove all but one",
            )
    files = {key: _file_at(path) for key, (path,) in found.items()}
    images = {frame: path for (frame, is_label), path in files.items() if not is_label}
    return images, {frame: path for (frame, is_label), path in files.items() if is_label}


def _file_at(path: Path) -> Path:
    """Return the file, or the one in the folder of that name that some ways to unpack it make around it."""
    if broken_link(path):
        raise link_problem(path)
    if not is_folder(path):
        return path
    inside = [one for one in listed(path, "a folder around one NIfTI file") if one.name.endswith((".nii", ".nii.gz"))]
    this, (one, *_) = _FRAME.fullmatch(path.name), [_FRAME.fullmatch(one.name) for one in inside] or [None]
    if len(inside) != 1 or (this and one and this.groups()[:3] != one.groups()[:3]):
        raise InputError(
            f"{path} is a folder",
            expected=f"one NIfTI file, or a folder around it: {path.name}/{path.name}",
            found=shown(inside),
            remedy="unpack the patient again",
        )
    return inside[0]


def _info_among(content: list[Path]) -> Path | None:
    name = same_name("Info.cfg", [path.name for path in content])
    return next((path for path in content if path.name == name), None)


def _read_info(path: Path) -> tuple[dict[int, str], str | None]:
    """Return the phase of each annotated frame, and the pathology if it is told."""
    if broken_link(path):
        raise link_problem(path)
    lines = [line.partition(":") for line in read_text(path, _INFO, most_bytes=2**20).splitlines()]
    told: dict[str, set[str]] = defaultdict(set)
    for key, _, value in lines:
        told[key.strip()].add(value.strip())
    wrong = {key: told[key] for key in ("ED", "ES") if not _NUMBER.fullmatch(" ".join(told[key]))}
    wrong |= {key: told[key] for key in ("Group",) if len(told[key]) > 1}
    if wrong:
        found = ", ".join(f"{key}: {_values(values)}" for key, values in wrong.items())
        raise InputError(f"{path} cannot be used", expected=_INFO, found=found)
    (end_diastole,), (end_systole,) = told["ED"], told["ES"]
    if int(end_diastole) == int(end_systole):
        raise InputError(f"{path} names one frame ED and ES", expected=_INFO, found=f"frame {int(end_systole)}")
    return {int(end_systole): "ES", int(end_diastole): "ED"}, next(iter(told["Group"]), "") or None


def _values(values: set[str]) -> str:
    return " and ".join(value if value.isalnum() else quoted(value) for value in sorted(values)) or "missing"
