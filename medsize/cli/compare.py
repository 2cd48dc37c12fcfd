"""``medsize compare``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.console import show


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Run folders that were evaluated, or folders that evaluate wrote.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the page and the tables.")] = Path(
        "comparison"
    ),
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Compare the first with each of the others, not all with all.")
    ] = False,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Also print the page to index.pdf, with an installed browser.")
    ] = False,
) -> None:
    """Compare runs on the cases that all hold out: paired differences, intervals, tests, and a page."""
    from medsize.evaluation.compare import compare as compare_runs
    from medsize.evaluation.comparison_text import describe_comparison
    from medsize.evaluation.report import print_pdf, write_comparison

    comparison = compare_runs(runs, baseline=baseline)
    page = write_comparison(comparison, output)
    show(describe_comparison(comparison))
    show(f"comparison: {page}")
    if pdf:
        show(f"printed: {print_pdf(page)}")
