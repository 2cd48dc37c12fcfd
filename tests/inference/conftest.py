from pathlib import Path

import pytest

from medsize.config.network import UNetConfig
from medsize.run_folder import RunFolder
from tests.conftest import tiny_run_config
from tests.evaluation.fabricated import IntensityNetwork, fabricate_run


@pytest.fixture
def intensity_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every UNet that is built in these tests is a network of intensities."""
    monkeypatch.setattr(UNetConfig, "build", lambda self, *, in_channels, classes: IntensityNetwork(classes))


@pytest.fixture(scope="session")
def run_of_lv(tiny_acdc: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run for the LV with the checkpoint ``last`` only; tests only read it."""
    return fabricate_run(tmp_path_factory.mktemp("runs") / "lv", tiny_run_config(tiny_acdc, tiny_cache), best=False)


@pytest.fixture(scope="session")
def run_of_all(tiny_acdc: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run for RV, myocardium and LV; tests only read it."""
    config = tiny_run_config(tiny_acdc, tiny_cache, "data.structures=[all]")
    return fabricate_run(tmp_path_factory.mktemp("runs") / "all", config)
