"""Checkpoints are whole or not there."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest

from medsize.config.run import RunConfig
from medsize.errors import InputError
from medsize.run_folder import RunFolder
from medsize.training import resume_run, start_run
from tests.training.runs import history, same_weights


def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(tiny_config: RunConfig, run: RunFolder, tmp_path: Path):
    began = time.monotonic()
    start_run(tiny_config, tmp_path / "timed")
    duration = time.monotonic() - began
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["medsize.training", "tests.training.runs"])
    rng = random.Random(0)
    for number in range(10):
        folder = tmp_path / f"killed{number}"
        child = context.Process(target=start_run, args=(tiny_config, folder))
        child.start()
        child.join(rng.uniform(0.2, 1.5) * duration)
        child.kill()
        child.join()
        if RunFolder(folder).config.is_file():
            resume_run(RunFolder(folder), tiny_config)
        else:
            start_run(tiny_config, folder)
        assert same_weights(run, RunFolder(folder))
        assert history(run) == history(RunFolder(folder))
        leftovers = [path.name for path in (folder / "checkpoints").iterdir()]
        assert sorted(leftovers) == ["best", "last"]


def test_a_damaged_checkpoint_says_so(run: RunFolder, tiny_config: RunConfig):
    (run.checkpoint("last") / "position.json").write_text("{")
    with pytest.raises(InputError, match="cannot be resumed from"):
        resume_run(run, tiny_config)
