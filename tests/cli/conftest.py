"""Every command runs in a folder and with a cache of its own; one short training serves all that need a run."""

from pathlib import Path

import pytest

import medsize.evaluation
from tests.cli.command import medsize as run_medsize

TINY = """\
extends: acdc
data:
  preprocessing: {name: paper, size: 32}
network: {name: unet, channels: [4, 8]}
objective:
  size_target: {weight: 20}
training:
  epochs: 2
  batch_size: 8
  validate_every: 1
  precision: float32
  device: cpu
  optimiser: {name: adamw, learning_rate: 0.01}
"""


@pytest.fixture(scope="package", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where slice stores go: not to the home of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("cli_cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDSIZE_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="package")
def tiny_yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The papers' job, small enough to train in a second."""
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the report, which takes longer than a tiny training."""
    monkeypatch.setattr(medsize.evaluation, "write_report", lambda run: run.report)


@pytest.fixture(scope="package")
def trained_run(tiny_acdc: Path, tiny_yaml: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its evaluation and report; tests read it, and copy it to change it."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    outcome = run_medsize("train", tiny_yaml, "--data-root", tiny_acdc, "--noise", 0.08, "--output", run)
    assert outcome.code == 0, outcome.stderr
    return run
