"""``medsize sizes template``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from medsize.cli.annotate import DATA_HELP
from medsize.cli.overrides import training_overrides
from medsize.cli.separator import SEPARATOR_HELP, separator_of
from medsize.console import show


def template(
    data: Annotated[str, typer.Argument(help=DATA_HELP, show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .csv or .xlsx to write; it must not exist.")],
    structure: Annotated[list[str] | None, typer.Option(help="Structure; repeat for several, or all.")] = None,
    per: Annotated[Literal["case", "slice"], typer.Option(help="One row a whole case, or a slice.")] = "case",
    unit: Annotated[str | None, typer.Option(help="Filled in already; ml of a case, percent of a slice.")] = None,
    separator: Annotated[str, typer.Option(help=SEPARATOR_HELP)] = ",",
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set, with a preset or YAML file.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="Any key of the configuration.")] = None,
) -> None:
    """Write a table for people to fill in: one row a case (and frame) and structure, with blank sizes."""
    from medsize.annotation.cases import find_data
    from medsize.data.grids import read_grids
    from medsize.supervision.size_table.template import write_template
    from medsize.supervision.size_table.units import read_unit

    chosen = read_unit(unit or ("ml" if per == "case" else "percent"))
    found = find_data(data, structure or (), training_overrides(data_root=data_root, assignments=assignments))
    slices = {case: grid.shape[2] for case, grid in read_grids(found.cases).items()} if per == "slice" else None
    rows = write_template(
        output,
        found.cases,
        found.structures,
        slices=slices,
        unit=chosen,
        separator=separator_of(separator),
    )
    show(f"{output}: {rows} rows to fill in")
