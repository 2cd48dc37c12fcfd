"""The report of an evaluation and the comparison of several: HTML pages, each one file."""

from pathlib import Path
from typing import TYPE_CHECKING

from medsize.evaluation.report.pdf import print_pdf
from medsize.run_folder import RunFolder

if TYPE_CHECKING:
    from medsize.evaluation.compare import Comparison

__all__ = ["print_pdf", "write_comparison", "write_report"]


def write_report(evaluated: RunFolder | Path) -> Path:
    """Write ``index.html`` of an evaluation: one file that needs nothing else and asks for nothing.

    Beside it, where cases have the phases ED and ES, ``clinical.csv`` is written.

    Args:
        evaluated: A run that was evaluated, or the folder of an evaluation of label files, which holds
            ``metrics.csv``, ``slices.csv`` and ``summary.json``; its page leaves out what only a run could tell.

    Returns:
        Its path.

    Raises:
        InputError: There was no evaluation, or a file of it (or an image it shows) cannot be read.
    """
    from medsize.evaluation.report.write import write  # matplotlib: only who writes a report waits for it

    return write(evaluated.path if isinstance(evaluated, RunFolder) else evaluated)


def write_comparison(comparison: "Comparison", folder: Path) -> Path:
    """Write ``index.html``, ``comparison.csv`` and ``comparison.json`` of a comparison into a folder.

    Returns:
        The path of the page.

    Raises:
        InputError: The folder cannot be written to.
    """
    from medsize.evaluation.report.comparison import write

    return write(comparison, folder)
