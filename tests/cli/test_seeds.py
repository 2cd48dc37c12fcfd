"""``medsize seeds cues``."""

import re
from pathlib import Path

from medsize.config.run import RunConfig
from medsize.training import start_run
from tests.cli.command import medsize


def test_cues_are_written_and_the_next_step_is_said(tiny_config: RunConfig, tmp_path: Path):
    run = start_run(tiny_config, tmp_path / "run")
    done = medsize("seeds", "cues", run.path, "-o", tmp_path / "cues", "--device", "cpu", "--background", "0.2")
    assert (done.code, done.stderr.count("error")) == (0, 0)
    assert len(list((tmp_path / "cues").glob("patient*_frame*.npz"))) == 16
    assert re.search(r"background (19|20)\.\d%, lv \d", done.stdout)
    assert f"--set 'supervision.seeds={{kind: cues, folder: {tmp_path / 'cues'}}}'" in done.stdout


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    done = medsize("seeds", "cues", tmp_path, "-o", tmp_path / "cues")
    assert done.code == 1
    assert "is not a run" in done.said
