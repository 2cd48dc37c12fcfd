"""``medsize report``."""

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="A run folder that was evaluated.", show_default=False)]) -> None:
    """Write the report of an evaluated run again."""
    from medsize.run_folder import RunFolder

    folder = RunFolder.existing(run)

    from medsize.evaluation import write_report

    typer.echo(f"report: {write_report(folder)}")
