from pathlib import Path

import pytest

from medsize.config.run import RunConfig
from medsize.run_folder import RunFolder
from medsize.training import start_run


@pytest.fixture
def run(tiny_config: RunConfig, tmp_path: Path) -> RunFolder:
    return start_run(tiny_config, tmp_path / "run")
