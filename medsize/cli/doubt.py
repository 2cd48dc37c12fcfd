"""``medsize sizes doubt``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.console import show


def doubt(
    run: Annotated[Path, typer.Argument(help="A run folder that was evaluated.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="How many to list.")] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the given sizes that the trained network disagrees with most: slips of the pen are on top."""
    from medsize.run_folder import RunFolder

    folder = RunFolder.existing(run)

    from medsize.evaluation.doubt import describe_doubts, rank_doubts, read_training_sizes

    doubts = rank_doubts(read_training_sizes(folder)).head(top)
    show(doubts.to_json(orient="records", indent=2) if as_json else describe_doubts(doubts))
