from pathlib import Path

import pytest

from medsize.config.network import UNetConfig
from medsize.evaluation import evaluate_run
from medsize.run_folder import RunFolder
from medsize.training import start_run
from tests.conftest import tiny_run_config
from tests.evaluation.fabricated import IntensityNetwork, fabricate_run
from tests.evaluation.photo_sets import photo_config, write_photos


@pytest.fixture(scope="package")
def intensity_network():
    """Every UNet that is built in these tests is a network of intensities."""
    patch = pytest.MonkeyPatch()
    patch.setattr(UNetConfig, "build", lambda self, *, in_channels, classes: IntensityNetwork(classes))
    yield
    patch.undo()


@pytest.fixture(scope="package")
def evaluated(intensity_network, tiny_acdc: Path, tiny_cache: Path, tmp_path_factory) -> RunFolder:
    """A run for the LV, evaluated; tests only read it."""
    config = tiny_run_config(tiny_acdc, tiny_cache, "supervision.sizes={kind: noisy, noise: 0.08}")
    run = fabricate_run(tmp_path_factory.mktemp("runs") / "tiny", config)
    evaluate_run(run, device="cpu")
    return run


@pytest.fixture(scope="package")
def evaluated_all(intensity_network, tiny_acdc: Path, tiny_cache: Path, tmp_path_factory) -> RunFolder:
    """A run for all structures, evaluated; tests only read it."""
    config = tiny_run_config(tiny_acdc, tiny_cache, "data.structures=[all]")
    run = fabricate_run(tmp_path_factory.mktemp("runs") / "all", config)
    evaluate_run(run, device="cpu")
    return run


@pytest.fixture(scope="package")
def evaluated_photos(tmp_path_factory) -> RunFolder:
    """A run on photos of cats and dogs (there is no bird), evaluated; tests only read it."""
    folder = tmp_path_factory.mktemp("photos")
    run = start_run(photo_config(write_photos(folder / "data"), folder / "cache"), folder / "pets")
    evaluate_run(run, device="cpu")
    return run


@pytest.fixture(scope="package")
def evaluated_objects(tmp_path_factory) -> RunFolder:
    """A run on photos with binary masks, evaluated; tests only read it."""
    folder = tmp_path_factory.mktemp("objects")
    root = write_photos(folder / "data", binary=True)
    run = start_run(photo_config(root, folder / "cache", binary=True), folder / "objects")
    evaluate_run(run, device="cpu")
    return run
