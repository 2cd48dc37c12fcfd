"""``medsize export``."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    to: Annotated[Literal["bundle", "onnx", "card"], typer.Option(help="MONAI Bundle, ONNX, or the model card alone.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    checkpoint: Annotated[Literal["last", "best"], typer.Option(help="Which network of the run.")] = "last",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export that is there.")] = False,
) -> None:
    """Write the network so that it runs without medsize, with its model card."""
    from medsize.console import progress_bar, show
    from medsize.run_folder import RunFolder

    folder = RunFolder.existing(run)

    from medsize.export import export_run

    with progress_bar("Exporting") as moved:
        written = export_run(folder, to, output, checkpoint=checkpoint, overwrite=overwrite, progress=moved)
    show(f"exported: {written.folder}")
    if written.difference is not None:
        show(f"checked: probabilities in onnxruntime and torch differ by {written.difference:.1e} at most")
    show(f"run it: {written.command}")
