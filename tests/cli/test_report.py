import shutil
from pathlib import Path

from tests.cli.command import medsize


def test_the_report_is_written_again_from_the_run_folder_alone(trained_run: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    page = run / "report/index.html"
    page.unlink()
    shutil.rmtree(run / "checkpoints")
    outcome = medsize("report", run)
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, f"report: {page}\n", "")
    assert "dice_scan" in page.read_text()
