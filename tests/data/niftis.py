"""Tiny image files in the ACDC layout, as ACDC's own: the header's spacing is right, the sform is that of 1 mm."""

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

SPACING_MM = (1.5, 2.0, 10.0)
SHAPE = (20, 16, 3)


def write_nifti(
    path: Path,
    array: NDArray[np.generic],
    spacing_mm: tuple[float, ...] = SPACING_MM,
    affine: NDArray[np.float64] | None = None,
) -> Path:
    """Write a file whose affine is that of 1 mm voxels unless given, and whose pixdim is the spacing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array, None)
    image.header.set_sform(np.diag([-1.0, -1.0, 1.0, 1.0]) if affine is None else affine, code=2)
    image.header["pixdim"][1:4] = spacing_mm
    nib.save(nib.Nifti1Image(array, None, image.header), path)
    return path


def grey_volume(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)


def label_volume(seed: int = 0) -> NDArray[np.uint8]:
    """Blocks of 1, 2 and 3; no 3 on the last slice."""
    label = np.zeros(SHAPE, np.uint8)
    label[2:5, 3:9] = 1
    label[6:14, 4:12] = 2
    label[8:12, 6 : 10 - seed % 2, :2] = 3
    return label


def write_patient(
    folder: Path, number: int, pathology: str = "DCM", frames: tuple[int, int] = (1, 12), labels: bool = True
) -> Path:
    patient = folder / f"patient{number:03d}"
    patient.mkdir(parents=True)
    for seed, frame in enumerate(frames, start=number):
        write_nifti(patient / f"{patient.name}_frame{frame:02d}.nii.gz", grey_volume(seed))
        if labels:
            write_nifti(patient / f"{patient.name}_frame{frame:02d}_gt.nii.gz", label_volume(seed))
    (patient / "Info.cfg").write_text(f"ED: {frames[0]}\nES: {frames[1]}\nGroup: {pathology}\nHeight: 184.0\n")
    return patient
