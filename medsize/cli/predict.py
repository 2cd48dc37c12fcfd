"""``medsize predict``."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def predict(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Images, DICOM series, .zip archives, folders of these, or patterns.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the label files and volumes.csv.")],
    format: Annotated[
        Literal["nifti", "nrrd", "mha", "dicom-seg"] | None,
        typer.Option(help="Of the label files; by default each has that of its image.", show_default=False),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(help="One more run to average with; may be given several times.", show_default=False),
    ] = None,
    checkpoint: Annotated[Literal["last", "best"], typer.Option(help="Which network of the run.")] = "last",
    tta: Annotated[bool, typer.Option("--tta", help="Average each slice with its mirror image.")] = False,
    crf: Annotated[
        bool, typer.Option("--crf", help="Move borders to edges of the image by a dense CRF (see evaluate --crf).")
    ] = False,
    keep_largest: Annotated[
        bool, typer.Option("--keep-largest", help="Of each structure keep the largest connected component.")
    ] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also write the probability of each structure.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="A PNG of each case with outlines.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that are there.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Keep outputs that are there, and make the others.")] = False,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Slices at a time; by default as in training.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Segment images: label files on exactly their grids, volumes.csv in mL, and a picture of each."""
    if overwrite and resume:
        raise typer.BadParameter("choose one of --overwrite and --resume")
    from medsize.console import progress_bar, say, show
    from medsize.run_folder import RunFolder

    runs = [RunFolder.existing(path) for path in (run, *(ensemble or []))]

    from medsize.inference import PredictionOptions, Wanted, predict_files

    with progress_bar("Predicting") as moved:
        volumes = predict_files(
            runs,
            inputs,
            output,
            checkpoint=checkpoint,
            device=device,
            batch_size=batch,
            options=PredictionOptions(tta=tta, keep_largest=keep_largest, crf=crf),
            wanted=Wanted(
                into=format,
                existing="overwrite" if overwrite else "resume" if resume else "refuse",
                probabilities=probabilities,
                pictures=pictures,
            ),
            progress=moved,
            say=say,
        )
    show(f"volumes: {volumes}")
