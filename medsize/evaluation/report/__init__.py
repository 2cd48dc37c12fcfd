"""The report of a run: one HTML page."""

from pathlib import Path

from medsize.run_folder import RunFolder


def write_report(run: RunFolder) -> Path:
    """Write ``report/index.html`` of an evaluated run: one file that needs nothing else and asks for nothing.

    Returns:
        Its path.

    Raises:
        InputError: The run was not evaluated, or a file of it (or an image it shows) cannot be read.
    """
    from medsize.evaluation.report.write import write  # matplotlib: only who writes a report waits for it

    return write(run)
