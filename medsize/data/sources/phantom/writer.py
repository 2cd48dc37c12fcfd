"""Writing phantoms in the ACDC layout."""
# nibabel is typed in part only:
# mypy: allow-untyped-calls

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medsize.data.sources.phantom.heart import DISEASES, draw_heart
from medsize.data.sources.phantom.scanner import draw_scan, paint_torso, scan_heart
from medsize.data.sources.phantom.torso import draw_torso
from medsize.errors import InputError
from medsize.files import atomic_folder


def write_phantom(
    folder: Path,
    *,
    patients: int = 40,
    seed: int = 0,
    size: int = 152,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a data set of synthetic short-axis hearts in the ACDC layout, whole or not at all.

    Each patient has a heart of one of ACDC's five groups (in turn), at end diastole and end systole, in a torso of
    tissues whose intensities overlap, under a smooth bias field, Rician noise and partial volume. Patient n is the
    same whatever the number of patients.

    Args:
        folder: A new or empty folder.
        patients: How many patients, at most 999.
        seed: Of everything random; the same seed writes the same bytes.
        size: Pixels of a slice along each side, about; the spacing follows.
        progress: Called with the number of patients done and of all.

    Raises:
        InputError: The folder is not empty, or cannot be written to.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(
            f"{folder} is not empty",
            expected="a new or empty folder for the phantom",
            found="a file" if folder.is_file() else f"{next(folder.iterdir()).name} and perhaps more in it",
            remedy="choose another folder, or remove this one",
        )
    with atomic_folder(folder) as partial:
        for number in range(1, patients + 1):
            _write_patient(partial / "training" / f"patient{number:03d}", number, seed, size)
            if progress:
                progress(number, patients)


def _write_patient(folder: Path, number: int, seed: int, size: int) -> None:
    rng = np.random.default_rng([seed, number])
    group = list(DISEASES)[(number - 1) % len(DISEASES)]
    heart = draw_heart(rng, DISEASES[group])
    torso = draw_torso(rng, heart.centre_mm)
    scan = draw_scan(rng, size, heart.diastole.apex_mm)
    frames = int(rng.integers(20, 31))
    systole = round(frames * rng.uniform(0.33, 0.45))
    info = {
        "ED": 1,
        "ES": systole,
        "Group": group,
        "Height": f"{rng.normal(170, 9):.1f}",
        "NbFrame": frames,
        "Weight": f"{rng.normal(75, 12):.1f}",
    }
    folder.mkdir(parents=True)
    (folder / "Info.cfg").write_text("".join(f"{key}: {value}\n" for key, value in info.items()), encoding="utf-8")
    sections = paint_torso(scan, torso)
    for frame, phase in ((1, heart.diastole), (systole, heart.systole)):
        image, label = scan_heart(rng, scan, heart, sections, phase)
        stem = f"{folder.name}_frame{frame:02d}"
        _write(folder / f"{stem}.nii.gz", image, scan.spacing_mm, scan.thickness_mm)
        _write(folder / f"{stem}_gt.nii.gz", label, scan.spacing_mm, scan.thickness_mm)


def _write(path: Path, array: NDArray[Any], spacing_mm: float, thickness_mm: float) -> None:
    affine = np.diag([-spacing_mm, -spacing_mm, thickness_mm, 1.0])  # x to the patient's left, y to the back
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    nib.save(image, path)
