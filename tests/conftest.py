"""A data set small enough to train on in a second, in the ACDC layout."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import settings

from medsize.config.layers import layer_from_assignment, layer_from_option
from medsize.config.loading import load_config
from medsize.config.run import RunConfig
from tests.fuzzing import THOROUGH

# No example has a deadline: a busy machine is no fault. The suite tries the same examples everywhere; those of
# `make test-data` are new ones each time.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile(THOROUGH, deadline=None)
settings.load_profile("suite")

PATHOLOGIES = ("DCM", "HCM", "MINF", "NOR", "RV")
SIDE, DEPTH = 32, 3


@pytest.fixture(scope="session")
def tiny_acdc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten patients, two frames each, three slices of 32²: a bright disc (LV) in a ring (myocardium) beside an RV."""
    root = tmp_path_factory.mktemp("tiny_acdc")
    rng = np.random.default_rng(7)
    for number in range(1, 11):
        write_tiny_patient(root / "training" / f"patient{number:03d}", PATHOLOGIES[(number - 1) // 2], rng)
    return root


def write_tiny_patient(folder: Path, pathology: str, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    (folder / "Info.cfg").write_text(f"ED: 1\nES: 9\nGroup: {pathology}\nHeight: 170.0\nNbFrame: 20\nWeight: 70.0\n")
    for frame, contraction in ((1, 1.0), (9, 0.7)):
        image, label = tiny_heart(rng, contraction)
        stem = folder / f"{folder.name}_frame{frame:02d}"
        affine = np.diag([1.5, 1.5, 8.0, 1.0])
        nib.save(nib.Nifti1Image(image, affine), f"{stem}.nii.gz")
        nib.save(nib.Nifti1Image(label, affine), f"{stem}_gt.nii.gz")


def tiny_heart(rng: np.random.Generator, contraction: float) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.mgrid[:SIDE, :SIDE].astype(float)
    centre = 16 + rng.uniform(-2, 2, 2)
    label = np.zeros((SIDE, SIDE, DEPTH), np.uint8)
    for z in range(DEPTH):
        radius = contraction * (6.5 - 1.5 * z)
        distance = np.hypot(x - centre[0], y - centre[1])
        right = (np.hypot(x - centre[0] + 8, y - centre[1]) < 5) & (distance >= radius + 2)
        label[:, :, z] = np.select([distance < radius, distance < radius + 2, right], [3, 2, 1], 0)
    intensity = np.array([120, 260, 90, 300])[label] + rng.normal(0, 25, label.shape)
    return intensity.clip(0).astype(np.int16), label


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One slice store for all the tests that train on the same data."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny_config(tiny_acdc: Path, tiny_cache: Path) -> RunConfig:
    """Two epochs of a small UNet on the tiny data set, seeds and size targets."""
    return tiny_run_config(tiny_acdc, tiny_cache)


def tiny_run_config(root: Path, cache: Path, *assignments: str) -> RunConfig:
    defaults = (
        f"data.cache={cache}",
        "data.preprocessing.size=32",
        "network={name: unet, channels: [4, 8]}",
        "training.epochs=2",
        "training.batch_size=8",
        "training.validate_every=1",
        "training.precision=float32",
        "training.device=cpu",
        "objective.size_target.weight=20",
        "training.optimiser={name: adamw, learning_rate: 0.003}",
    )
    layers = [layer_from_assignment(text) for text in (*defaults, *assignments)]
    return load_config("acdc", [layer_from_option("--data-root", ("data", "source", "root"), root), *layers])


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Where the real data is; the tests that need it are skipped where it is not."""
    repository = Path(__file__).parents[1]
    folder = Path(os.environ.get("MEDSIZE_TEST_DATA", repository.parent / "shared" / "data"))
    if not (folder / "acdc").is_dir():
        pytest.skip(f"no ACDC at {folder / 'acdc'} (set MEDSIZE_TEST_DATA to the folder that holds acdc/)")
    return folder


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """Where real photos are: ``coco``, ``ecssd`` and ``voc2012``."""
    repository = Path(__file__).parents[1]
    folder = Path(os.environ.get("MEDSIZE_TEST_DATA", repository.parent / "shared" / "data"))
    if not (folder / "coco").is_dir():
        pytest.skip(f"no photos at {folder / 'coco'} (set MEDSIZE_TEST_DATA to the folder that holds coco/)")
    return folder
