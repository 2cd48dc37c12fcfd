import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.command import medsize


def test_evaluating_again_finds_the_same_and_prints_it(trained_run: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    shutil.rmtree(run / "report")
    shutil.rmtree(run / "predictions")
    outcome = medsize("evaluate", run, "--device", "cpu")
    assert outcome.code == 0
    assert not outcome.stderr
    for name in ("report/metrics.csv", "report/training_sizes.csv"):
        assert (run / name).read_bytes() == (trained_run / name).read_bytes()
    for checkpoint in ("last", "best"):
        predicted = {path.name for path in (run / "predictions" / checkpoint).iterdir()}
        assert predicted == {path.name for path in (trained_run / "predictions" / checkpoint).iterdir()}
    mean = pd.read_csv(run / "report/metrics.csv").query("checkpoint == 'last'")["dice_scan"].mean()
    assert f"dice_scan lv, checkpoint last, 4 val cases: mean {mean:.3f}" in outcome.stdout
    assert "checkpoint best, 4 val cases (chosen on these cases)" in outcome.stdout
    assert outcome.stdout.endswith(f"report: {run / 'report/index.html'}\n")
    assert (run / "report/index.html").is_file()


@pytest.mark.usefixtures("without_report")
def test_a_crf_is_measured_beside_the_network_alone(trained_run: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    outcome = medsize("evaluate", run, "--crf")
    assert outcome.code == 0
    lines = outcome.stdout.splitlines()
    assert [line.split(",")[1] for line in lines[:4]] == [
        f" checkpoint {name}" for name in ("last", "best", "last_crf", "best_crf")
    ]
    before, after = (pd.read_csv(of / "report/metrics.csv") for of in (trained_run, run))
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)
