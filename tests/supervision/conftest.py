"""A small slice store of three cases, and where real data is."""

import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.config.data import PaperPreprocessing, PhysicalPreprocessing
from medsize.data.case import Case
from medsize.data.store import SliceStore, open_store

SPACING_MM = (1.5, 1.5, 8.0)
LABELS = {"rv": 1, "myo": 2, "lv": 3}
SHAPE = (24, 20, 4)


def write_nifti(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([*SPACING_MM, 1.0])), path)
    return path


def label_volume(number: int) -> np.ndarray:
    """A ventricle inside its wall beside another; no left ventricle on slice 3, nothing on slice 0."""
    label = np.zeros(SHAPE, np.uint8)
    label[4:8, 4:14, 1:] = 1
    label[8 : 20 - number, 4:16, 1:] = 2
    label[10 : 18 - number, 6:14, 1:3] = 3
    return label


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(3):
        case = f"case{number}"
        image = write_nifti(tmp_path / f"{case}.nii.gz", rng.random(SHAPE).astype(np.float32))
        label = write_nifti(tmp_path / f"{case}_gt.nii.gz", label_volume(number)) if number < 2 else None
        made.append(Case(id=case, group=case, image=image, label=label))
    return made


@pytest.fixture
def make_store(cases: list[Case], tmp_path: Path) -> Callable[..., SliceStore]:
    def make(structures: tuple[str, ...] = ("lv",), *, physical: bool = False, size: int = 28) -> SliceStore:
        preprocessing = (
            PhysicalPreprocessing(name="physical", size=size, spacing_mm=1.5)
            if physical
            else PaperPreprocessing(size=24)
        )
        return open_store(cases, LABELS, structures, preprocessing, tmp_path / "cache", workers=1)

    return make


@pytest.fixture(scope="session")
def real_data() -> Path:
    root = Path(__file__).parents[2]
    folder = (root / os.environ.get("MEDSIZE_TEST_DATA", "../shared/data")).resolve()
    if not (folder / "acdc" / "training").is_dir():
        pytest.skip(f"no ACDC in {folder}; set MEDSIZE_TEST_DATA")
    return folder
