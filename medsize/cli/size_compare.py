"""``medsize sizes compare``."""

from pathlib import Path
from typing import Annotated

import typer

from medsize.cli.annotate import DATA_HELP
from medsize.cli.overrides import training_overrides
from medsize.console import show


def compare(
    given: Annotated[Path, typer.Argument(help="A table of sizes, e.g. of people.", show_default=False)],
    reference: Annotated[Path, typer.Argument(help="The table to hold it to.", show_default=False)],
    data: Annotated[str | None, typer.Option(help=f"{DATA_HELP} Relates e.g. mL to percent.")] = None,
    structure: Annotated[list[str] | None, typer.Option(help="Structures of a manifest; repeat for several.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the histogram of errors: an SVG, PNG or PDF.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data set, with a preset or YAML file.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="Any key of the configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure how far the sizes of one table are from those of another: mean relative error of each structure."""
    from medsize.supervision.size_table import read_size_table
    from medsize.supervision.size_table.compare import compare_sizes
    from medsize.supervision.size_table.show import frame_as_json, show_comparison

    tables, extents = {path: read_size_table(path, tell=True) for path in (given, reference)}, None
    if data is not None:
        from medsize.annotation.cases import find_data
        from medsize.data.grids import read_grids
        from medsize.supervision.size_table.known import KnownData, extents_of

        found = find_data(data, structure or (), training_overrides(data_root=data_root, assignments=assignments))
        grids = read_grids(found.cases)
        data_names = KnownData.of_grids(grids, found.labels)
        tables = {path: data_names.entries(path, rows) for path, rows in tables.items()}
        extents = extents_of(grids)
    comparison = compare_sizes(tables[given], tables[reference], extents)
    if figure is not None:
        from medsize.supervision.size_table.figure import draw_errors

        draw_errors(comparison, figure)
    if as_json:
        left_out = {name: getattr(comparison, name) for name in ("only_given", "only_reference", "incomparable")}
        show(frame_as_json(comparison.structures().reset_index(names="structure"), **left_out))
    else:
        show_comparison(comparison)
