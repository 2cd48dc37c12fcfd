"""``medsize predict``."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def predict(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    inputs: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the label files and volumes.csv.")],
    checkpoint: Annotated[Literal["last", "best"], typer.Option(help="Which network of the run.")] = "last",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that are there.")] = False,
    crf: Annotated[
        bool, typer.Option("--crf", help="Move borders to edges of the image by a dense CRF (see evaluate --crf).")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Segment images: one NIfTI a file on exactly its grid, and volumes.csv in mL."""
    from medsize.console import progress_bar
    from medsize.run_folder import RunFolder

    folder = RunFolder.existing(run)

    from medsize.inference import predict_files

    with progress_bar("Predicting") as moved:
        volumes = predict_files(
            folder,
            inputs,
            output,
            checkpoint=checkpoint,
            overwrite=overwrite,
            crf=crf,
            device=device,
            progress=moved,
        )
    typer.echo(f"volumes: {volumes}")
