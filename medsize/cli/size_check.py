"""``medsize sizes check``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.cli.annotate import DATA_HELP
from medsize.cli.overrides import training_overrides
from medsize.console import show


def check(
    table: Annotated[Path, typer.Argument(help="The table, CSV or xlsx.", show_default=False)],
    data: Annotated[str, typer.Option(help=DATA_HELP, show_default=False)],
    structure: Annotated[list[str] | None, typer.Option(help="Structures of a manifest; repeat for several.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set, with a preset or YAML file.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="Any key of the configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a table of sizes against the data, everything at once; exit code 1 if there are errors."""
    from medsize.annotation.cases import find_data
    from medsize.data.grids import read_grids
    from medsize.supervision.size_table import parse_size_table
    from medsize.supervision.size_table.check import check_size_table
    from medsize.supervision.size_table.show import check_as_json, show_check

    found = find_data(data, structure or (), training_overrides(data_root=data_root, assignments=assignments))
    checked = check_size_table(parse_size_table(table), found.cases, read_grids(found.cases), tuple(found.labels))
    if as_json:
        show(check_as_json(checked))
    else:
        show_check(checked, len(found.cases))
    if checked.of("error"):
        raise typer.Exit(1)
