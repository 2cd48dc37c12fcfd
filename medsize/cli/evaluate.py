"""``medsize evaluate``."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    crf: Annotated[
        bool, typer.Option("--crf", help="Also measure what predict --crf would do, beside the network alone.")
    ] = False,
) -> None:
    """Measure a run on its held-out cases: predictions, metrics.csv, summary.json and the report."""
    from medsize.console import progress_bar
    from medsize.run_folder import RunFolder

    folder = RunFolder.existing(run)

    from medsize.evaluation import evaluate_run, write_report

    with progress_bar("Evaluating") as moved:
        evaluation = evaluate_run(folder, device=device, crf=crf, progress=moved)
    typer.echo(evaluation.describe())
    typer.echo(f"report: {write_report(folder)}")
