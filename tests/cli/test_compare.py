import shutil
from pathlib import Path

import pytest

from tests.cli.command import medsize
from tests.evaluation.report.made_up import write_evaluation


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        write_evaluation(folder / name, patients=4, structures=("lv",), seed=seed) for seed, name in enumerate("abc")
    ]


def test_runs_are_compared_into_a_page_and_tables(runs: list[Path], tmp_path: Path):
    outcome = medsize("compare", *runs, "-o", tmp_path / "out")
    assert (outcome.code, outcome.stderr) == (0, "")
    assert "8 cases of 4 patients that all runs have" in outcome.stdout
    assert "b − a" in outcome.stdout
    assert "c − b" in outcome.stdout
    assert outcome.stdout.endswith(f"comparison: {tmp_path / 'out/index.html'}\n")
    names = {"index.html", "comparison.csv", "comparison.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_against_the_first_run_alone(runs: list[Path], tmp_path: Path):
    outcome = medsize("compare", *runs, "--baseline", "-o", tmp_path / "out")
    assert "b − a" in outcome.stdout
    assert "c − b" not in outcome.stdout


def test_one_run_cannot_be_compared_and_nothing_is_written(runs: list[Path], tmp_path: Path):
    outcome = medsize("compare", runs[0], "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "two runs or more" in outcome.said
    assert not (tmp_path / "out").exists()


def test_a_trained_run_and_label_files_are_compared(trained_run: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("metrics.csv", "slices.csv", "summary.json", "files.json"):
        shutil.copy(trained_run / "report" / name, other)
    outcome = medsize("compare", trained_run, other, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "cannot be seen from label files alone: other." in " ".join(outcome.stdout.split())


def test_printing_without_a_browser_says_what_to_install(runs: list[Path], tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = medsize("compare", *runs, "--pdf", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "install Chromium or Chrome" in outcome.said
