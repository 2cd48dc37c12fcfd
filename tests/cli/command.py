"""The command line as a user runs it: in this process, or in one of its own."""

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from unittest import mock

from medsize.cli import main

_FRAME = re.compile(r"\x1b\[[\d;]*m|[╭─╮│╰╯]")
_COLOUR = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE")


@dataclass(frozen=True)
class Outcome:
    """What a command left on its two channels, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Standard error in one line and without frames: where lines end depends on the terminal."""
        return " ".join(_FRAME.sub(" ", self.stderr).split())

    @property
    def errors(self) -> int:
        """How many errors were announced, the command's own and those of wrong usage."""
        return len(re.findall(r"^error: ", self.stderr, re.MULTILINE)) + self.stderr.count("─ Error ─")


def medsize(*arguments: object) -> Outcome:
    """Run a command in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["medsize", *map(str, arguments)]),
        mock.patch.dict(os.environ),  # --debug sets a variable
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        for name in _COLOUR:
            os.environ.pop(name, None)
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Outcome(code, stdout.getvalue(), stderr.getvalue())


def medsize_process(*arguments: object) -> Outcome:
    """Run a command in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in _COLOUR}
    done = subprocess.run(
        [sys.executable, "-m", "medsize", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
