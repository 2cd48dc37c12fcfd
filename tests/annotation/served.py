"""The page's server in a process of its own, as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def served(*arguments: object, log: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``medsize annotate``; yield the address it prints and its process, which is ended afterwards."""
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "medsize", "annotate", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        try:
            yield _address(process.stdout, log), process
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _address(output: IO[str] | None, log: Path) -> str:
    line = output.readline().strip() if output is not None else ""
    assert line.startswith("http://127.0.0.1:"), log.read_text("utf-8")
    return line
