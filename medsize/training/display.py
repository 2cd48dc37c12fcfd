"""What a person at the terminal sees of a training: progress, rate and time left; a line per validation."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.2f} steps/s" if speed else "")


class Display:
    """Progress on standard error; only lines, no bar, when that is not a terminal or ``show`` is False.

    Args:
        show: Whether this process shows anything (one of several does).
    """

    def __init__(self, *, show: bool = True) -> None:
        console = Console(file=sys.stderr, highlight=False, soft_wrap=True, quiet=not show)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not (show and console.is_terminal),
            speed_estimate_period=60,
        )
        self._bar = self._progress.add_task("training", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(message, markup=False)

    def step(self, done: int, total: int, epoch: int, loss: float, stage: str | None = None) -> None:
        """Move the bar."""
        words = f"{f'{stage}, ' if stage else ''}epoch {epoch + 1}  loss {loss:.4f}"
        self._progress.update(self._bar, completed=done, total=total, description=words)
