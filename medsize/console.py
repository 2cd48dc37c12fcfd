"""What a person sees: results on standard output; messages and progress on standard error."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from medsize.text import printable

ProgressCallback = Callable[[float, int], None]
"""Told how much is done, which may be a part of one thing, and how many things there are."""


def say(message: str) -> None:
    """Print a message for people, on standard error: once, however many processes train together."""
    if os.environ.get("RANK", "0") != "0":  # torchrun, and SLURM through it, number the processes
        return
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(printable(message), markup=False)


def show(text: str) -> None:
    """Print a result on standard output; names of files in it act on no terminal."""
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


@contextmanager
def progress_bar(description: str) -> Iterator[ProgressCallback]:
    """Show a progress bar with time left, on a terminal; show nothing when piped.

    Args:
        description: What is being done, a few words.

    Yields:
        A function of (done, total) that moves the bar.
    """
    console = Console(file=sys.stderr)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
