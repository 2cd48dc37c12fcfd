"""``medsize sizes from-annotations``."""

from pathlib import Path
from typing import Annotated

import typer


def from_annotations(
    folder: Annotated[Path, typer.Argument(help="The folder given to annotate -o.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The CSV to write.")],
    seeds: Annotated[Path | None, typer.Option(help="Folder for seed files, one a case.")] = None,
    rater: Annotated[list[str] | None, typer.Option(help="Rater; repeat for several. Without it: all.")] = None,
) -> None:
    """Make the clinicians' table, and seed files, of what was answered on the page."""
    from medsize.annotation.convert import read_annotations, write_seed_files, write_table
    from medsize.console import say, show

    annotations = read_annotations(folder, rater or ())
    show(f"{output}: {write_table(annotations, output)} sizes")
    if seeds is not None:
        files, drawn = write_seed_files(annotations, seeds)
        show(f"{seeds}: {files} files, {drawn} with seeds; the value of blank pixels is 255")
    if annotations.unfinished:
        say(f"note: {annotations.unfinished} answers were cut short before they were accepted, and are left out")
    if annotations.damaged:
        say(f"warning: {len(annotations.damaged)} damaged lines are left out: {'; '.join(annotations.damaged[:20])}")
