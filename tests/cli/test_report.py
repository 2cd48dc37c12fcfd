import shutil
from pathlib import Path

import pytest

from tests.cli.command import medsize
from tests.evaluation.report.made_up import write_evaluation


def test_the_report_is_written_again_from_the_run_folder_alone(trained_run: Path, tmp_path: Path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    page = run / "report/index.html"
    page.unlink()
    shutil.rmtree(run / "checkpoints")
    outcome = medsize("report", run)
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, f"report: {page}\n", "")
    assert "dice_scan" in page.read_text("utf-8")


def test_label_files_that_were_evaluated_have_a_report_too(tmp_path: Path):
    folder = write_evaluation(tmp_path / "labels", patients=2, structures=("lv",))
    outcome = medsize("report", folder)
    assert (outcome.code, outcome.stdout) == (0, f"report: {folder / 'index.html'}\n")


@pytest.mark.parametrize("place", ["missing", "."])
def test_what_was_not_evaluated_has_no_report(tmp_path: Path, place: str):
    outcome = medsize("report", tmp_path / place)
    assert outcome.code == 1
    assert "summary.json cannot be read" in outcome.said
    assert "evaluate first: medsize evaluate RUN" in outcome.said


def test_the_pdf_lies_beside_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write_evaluation(tmp_path / "labels", patients=2, structures=("lv",))
    browser = tmp_path / "programs" / "chromium"
    browser.parent.mkdir()
    browser.write_text(
        '#!/bin/sh\nfor o in "$@"; do case "$o" in --print*) echo x > "${o#--print-to-pdf=}";; esac; done\n'
    )
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(browser.parent))
    outcome = medsize("report", folder, "--pdf")
    assert outcome.stdout.endswith(f"printed: {folder / 'index.pdf'}\n")
    assert (folder / "index.pdf").is_file()
