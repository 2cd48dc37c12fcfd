"""The ACDC layout: ``training/patientNNN/`` with ``Info.cfg``, two frames and their labels.

O. Bernard et al., IEEE TMI 37(11), 2018, doi 10.1109/TMI.2018.2837502.
"""

import re
from pathlib import Path

from medsize.data.case import Case
from medsize.errors import InputError, InputErrors

ACDC_LABELS = {"rv": 1, "myo": 2, "lv": 3}
"""Right ventricle, myocardium and left-ventricle cavity, and their values in the label files."""

_PATIENT = re.compile(r"patient\d+")
_FRAME = re.compile(r"(patient\d+)_frame(\d+)\.nii(\.gz)?")
_LAYOUT = "training/patientNNN/ with Info.cfg, patientNNN_frameFF.nii.gz and patientNNN_frameFF_gt.nii.gz"
_REMEDY = (
    "ACDC is at https://www.creatis.insa-lyon.fr/Challenge/acdc/; to try without data, "
    "'medsize data phantom FOLDER' writes a synthetic data set of the same layout"
)


def find_acdc_cases(root: Path) -> list[Case]:
    """Find the annotated frames (ED and ES) of every patient; the 4-D cine is not a case.

    Args:
        root: The data set, its ``training`` folder, the folder one level above it, or one patient's folder.

    Returns:
        The cases sorted by id, ``patientNNN_frameFF``, grouped by patient. Patients of a ``testing`` folder beside
        ``training`` have the split ``test``. A frame without a label file has none.

    Raises:
        InputError: There is no such folder, or no patient in it.
        InputErrors: Patients lack ``Info.cfg`` or a frame; all of them are listed.
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
    if not root.is_dir():
        raise InputError(f"{root}: no such folder", expected=f"the ACDC data set, {_LAYOUT}", remedy=_REMEDY)
    if _PATIENT.fullmatch(root.name) and (root / "Info.cfg").is_file():
        return [(root, "")]
    found = _patients_in(root)
    if found:
        return found
    below = {child: _patients_in(child) for child in sorted(root.iterdir()) if child.is_dir()}
    data_sets = [child for child, patients in below.items() if patients]
    if len(data_sets) != 1:
        content = sorted(child.name for child in root.iterdir())
        raise InputError(
            f"{root} is not an ACDC data set",
            expected=_LAYOUT,
            found=f"several data sets: {', '.join(child.name for child in data_sets)}"
            if data_sets
            else f"{', '.join(content[:6])}{', …' if len(content) > 6 else ''}" or "an empty folder",
            remedy="name one of them" if data_sets else _REMEDY,
        )
    return below[data_sets[0]]


def _patients_in(folder: Path) -> list[tuple[Path, str]]:
    """Return the patients directly in a folder, or in its ``training`` and ``testing``."""
    direct = [(child, "") for child in sorted(folder.iterdir()) if _is_patient(child)]
    parts = {name: folder / name for name in ("training", "testing") if (folder / name).is_dir()}
    inside = {name: [child for child in sorted(part.iterdir()) if _is_patient(child)] for name, part in parts.items()}
    training = [(child, "") for child in inside.get("training", [])]
    testing = [(child, "test" if training else "") for child in inside.get("testing", [])]
    return direct or training + testing


def _is_patient(folder: Path) -> bool:
    return _PATIENT.fullmatch(folder.name) is not None and folder.is_dir()


def _cases_of(folder: Path, split: str) -> list[Case]:
    info = _read_info(folder / "Info.cfg")
    phases = {int(info[phase]): phase for phase in ("ES", "ED")}
    images = {int(match[2]): path for path in sorted(folder.iterdir()) if (match := _FRAME.fullmatch(path.name))}
    missing = [f"frame {frame} ({phase})" for frame, phase in sorted(phases.items()) if frame not in images]
    if missing:
        raise InputError(
            f"{folder}: no image of {' and '.join(missing)}",
            expected=f"{folder.name}_frameFF.nii.gz for the frames that Info.cfg names ED and ES",
            found=", ".join(path.name for path in images.values()) or "no frame at all",
            remedy="unpack the patient again, or remove its folder",
        )
    return [
        Case(
            id=f"{folder.name}_frame{frame:02d}",
            group=folder.name,
            image=path,
            label=label if (label := _label_beside(path)).is_file() else None,
            frame=frame,
            phase=phases.get(frame),
            pathology=info["Group"],
            split=split,
        )
        for frame, path in sorted(images.items())
    ]


def _label_beside(image: Path) -> Path:
    stem, dot, suffix = image.name.partition(".")
    return image.with_name(f"{stem}_gt{dot}{suffix}")


def _read_info(path: Path) -> dict[str, str]:
    expected = "lines 'ED: 1', 'ES: 12' and 'Group: DCM'"
    if not path.is_file():
        raise InputError(f"{path.parent} has no Info.cfg", expected=expected, remedy="unpack the patient again")
    lines = [line.partition(":") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    info = {key.strip(): value.strip() for key, _, value in lines}
    numbers = [key for key in ("ED", "ES") if not info.get(key, "").isdecimal()]
    wrong = numbers + [key for key in ("Group",) if not info.get(key)]
    if wrong:
        found = ", ".join(f"{key}: {info.get(key, 'missing')}" for key in wrong)
        raise InputError(f"{path} cannot be used", expected=expected, found=found)
    return info
