"""Sizes measured on masks, as the table that a run reads back: to look at, to edit, or to simulate an estimator."""

import math
from pathlib import Path
from typing import Final

from medsize.config.level import Level
from medsize.config.run import RunConfig
from medsize.data.prepare import find_split_cases, of_split, prepare_slices
from medsize.errors import InputError
from medsize.supervision.extents import image_extent, image_per_slice
from medsize.supervision.given_sizes import given_sizes
from medsize.supervision.size_table import Unit, from_fraction
from medsize.supervision.size_table.write import write_rows

COLUMNS: Final = ("case", "slice", "structure", "value", "unit")


def sizes_from_labels(
    config: RunConfig, path: Path, *, level: Level = "slice", unit: Unit | None = None, separator: str = ","
) -> int:
    """Write the size of every structure on every slice, or in every case, as a table that ``--sizes`` reads.

    A table is about images as they are in their files, whatever preprocessing cuts out of them.

    Args:
        config: Which data, and which sizes: exact, noisy or mean.
        path: The CSV or ``.xlsx`` to write.
        level: Sizes on slices, or of whole cases, with noise drawn once a case.
        unit: Of the sizes; fractions of slices, mL of cases by default.
        separator: Between the cells of a CSV.

    Returns:
        The number of rows written.

    Raises:
        InputError: No case has a label, the configuration takes its sizes from a table already, or the unit does not
            suit the level.
    """
    if config.supervision.sizes.kind == "table":
        raise InputError("sizes of kind 'table' are not measured on labels", expected="exact, noisy or mean")
    unit = unit or ("fraction" if level == "slice" else "ml")
    found = find_split_cases(config.data)
    store = prepare_slices(config.data, found)
    cases = [case.id for case in of_split(found.cases, "train", "val") if case.label is not None]
    if not cases:
        raise InputError("no case has a label to measure sizes on", found=f"{len(found.cases)} cases")
    sizes = given_sizes(config.supervision.sizes, store, store.rows(cases), config.training.seed, level)
    rows: list[list[str | float | None]] = []
    for case in cases:
        extent = image_extent(store, case, whole_case=level == "volume")
        of_case = sizes[store.rows([case])] / image_per_slice(store, case)
        numbers = range(len(of_case)) if level == "slice" else [None]
        rows += [
            [case, number, structure, from_fraction(fraction, unit, extent), unit]
            for number in numbers
            for structure, fraction in zip(store.structures, of_case[number or 0, 1:].tolist(), strict=True)
            if not math.isnan(fraction)
        ]
    write_rows(path, COLUMNS, rows, separator=separator)
    return len(rows)
