"""``medsize report``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.console import show


def report(
    evaluated: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="A run that was evaluated, or a folder that evaluate wrote.", show_default=False
        ),
    ],
    pdf: Annotated[bool, typer.Option("--pdf", help="Also print it to index.pdf, with an installed browser.")] = False,
) -> None:
    """Write the report of an evaluation again."""
    from medsize.evaluation.report import print_pdf, write_report

    page = write_report(evaluated)
    show(f"report: {page}")
    if pdf:
        show(f"printed: {print_pdf(page)}")
