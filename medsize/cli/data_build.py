"""``medsize data build``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.console import show

build = typer.Typer(no_args_is_help=True, help="Data sets made of others.")


@build.command("pascal-b")
def pascal_b(
    lvis: Annotated[Path, typer.Option(help="LVIS annotations, lvis_v1_val.json.", show_default=False)],
    coco: Annotated[Path, typer.Option(help="COCO annotations, instances_val2017.json.", show_default=False)],
    images: Annotated[
        Path, typer.Option(help="Folder of the images, or of train2017 and val2017.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new or empty folder.", show_default=False)],
    per_cell: Annotated[int, typer.Option(min=1, help="Instances wanted of each class and size.")] = 60,
    most_images: Annotated[int, typer.Option(min=1, help="Choose no more images.")] = 1137,
    seed: Annotated[int, typer.Option(min=0, help="Of the order in which images are tried.")] = 0,
) -> None:
    """Choose photos of VOC's 20 classes with about as many instances of each class and size, to evaluate on."""
    from medsize.data.sources.pascal_b import SIZES, build_pascal_b

    counts = build_pascal_b(
        output, lvis=lvis, coco=coco, images=images, per_cell=per_cell, most_images=most_images, seed=seed
    )
    totals = ", ".join(f"{sum(n for (_, of), n in counts.items() if of == size)} {size}" for size in SIZES)
    show(f"{output}: instances: {totals}")
