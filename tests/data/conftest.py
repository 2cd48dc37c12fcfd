"""A tiny data set, and where the real one is."""

import os
from pathlib import Path

import pytest

from medsize.data.case import Case
from medsize.data.sources.acdc import find_acdc_cases
from tests.data.niftis import write_patient


@pytest.fixture
def acdc(tmp_path: Path) -> Path:
    """The root of three patients: two DCM, one NOR."""
    for number, pathology in enumerate(("DCM", "DCM", "NOR"), start=1):
        write_patient(tmp_path / "acdc" / "training", number, pathology)
    return tmp_path / "acdc"


@pytest.fixture
def cases(acdc: Path) -> list[Case]:
    return find_acdc_cases(acdc)


@pytest.fixture(scope="session")
def real_acdc() -> Path:
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("MEDSIZE_TEST_DATA", root.parent / "shared" / "data")) / "acdc"
    if not folder.is_dir():
        pytest.skip(f"no ACDC at {folder} (set MEDSIZE_TEST_DATA to the folder that holds acdc/)")
    return folder
