"""``medsize sizes from-labels``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from medsize.cli.overrides import training_overrides
from medsize.cli.separator import SEPARATOR_HELP, separator_of
from medsize.console import show


def from_labels(
    config: Annotated[str, typer.Argument(help="A preset or a YAML file that says which data.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .csv or .xlsx to write.")],
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    structure: Annotated[list[str] | None, typer.Option(help="Structure; repeat for several, or all.")] = None,
    noise: Annotated[float | None, typer.Option(help="Mean relative error to add, e.g. 0.08.")] = None,
    level: Annotated[Literal["slice", "volume"], typer.Option(help="Sizes on slices, or of whole cases.")] = "slice",
    unit: Annotated[str | None, typer.Option(help="fraction of slices and ml of cases, or e.g. mm2, percent.")] = None,
    separator: Annotated[str, typer.Option(help=SEPARATOR_HELP)] = ",",
    seed: Annotated[int | None, typer.Option(help="Seed of the noise.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any key of the configuration, e.g. data.split.fold=1.")
    ] = None,
) -> None:
    """Measure sizes on the masks and write them as a table that **train --sizes** reads.

    With **--noise** it is the table of a simulated clinician.
    """
    from medsize.config.loading import load_config
    from medsize.supervision.from_labels import sizes_from_labels
    from medsize.supervision.size_table.units import read_unit

    overrides = training_overrides(
        data_root=data_root, structure=structure, noise=noise, seed=seed, assignments=assignments
    )
    rows = sizes_from_labels(
        load_config(config, overrides),
        output,
        level=level,
        unit=None if unit is None else read_unit(unit),
        separator=separator_of(separator),
    )
    show(f"{output}: {rows} sizes")
