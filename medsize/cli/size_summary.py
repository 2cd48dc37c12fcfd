"""``medsize sizes summary``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.cli.annotate import DATA_HELP
from medsize.cli.overrides import training_overrides
from medsize.console import show


def summary(
    table: Annotated[Path, typer.Argument(help="The table, CSV or xlsx.", show_default=False)],
    data: Annotated[str | None, typer.Option(help=f"{DATA_HELP} Sizes are then in mL and mm².")] = None,
    structure: Annotated[list[str] | None, typer.Option(help="Structures of a manifest; repeat for several.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set, with a preset or YAML file.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="Any key of the configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a table of sizes says: how many sizes of each structure, how large, by how many raters."""
    from medsize.supervision.size_table import read_size_table
    from medsize.supervision.size_table.show import frame_as_json, show_summary
    from medsize.supervision.size_table.summary import summarise_sizes

    entries = read_size_table(table, tell=True)
    extents, phases = None, None
    if data is not None:
        from medsize.annotation.cases import find_data
        from medsize.data.grids import read_grids
        from medsize.supervision.size_table.known import KnownData, extents_of

        found = find_data(data, structure or (), training_overrides(data_root=data_root, assignments=assignments))
        grids = read_grids(found.cases)
        entries = KnownData.of_grids(grids, found.labels).entries(table, entries)
        extents, phases = extents_of(grids), {case.id: case.phase for case in found.cases}
    summarised = summarise_sizes(entries, extents, phases)
    if as_json:
        show(frame_as_json(summarised))
    else:
        show_summary(summarised)
