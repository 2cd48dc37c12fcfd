"""``medsize sizes``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.cli.doubt import doubt
from medsize.cli.from_annotations import from_annotations
from medsize.cli.overrides import training_overrides
from medsize.cli.size_check import check
from medsize.cli.size_template import template

sizes = typer.Typer(no_args_is_help=True, help="Sizes of structures, as tables.")


@sizes.command("from-labels")
def from_labels(
    config: Annotated[str, typer.Argument(help="A preset or a YAML file that says which data.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The CSV to write.")],
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    structure: Annotated[list[str] | None, typer.Option(help="Structure; repeat for several, or all.")] = None,
    noise: Annotated[float | None, typer.Option(help="Mean relative error to add, e.g. 0.08.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the noise.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any key of the configuration, e.g. data.split.fold=1.")
    ] = None,
) -> None:
    """Measure the sizes of every slice on the masks and write them as a CSV that **train --sizes** reads."""
    from medsize.config.loading import load_config
    from medsize.supervision.from_labels import sizes_from_labels

    overrides = training_overrides(
        data_root=data_root, structure=structure, noise=noise, seed=seed, assignments=assignments
    )
    rows = sizes_from_labels(load_config(config, overrides), output)
    typer.echo(f"{output}: {rows} sizes")


sizes.command("from-annotations")(from_annotations)
sizes.command()(doubt)
sizes.command()(template)
sizes.command()(check)
