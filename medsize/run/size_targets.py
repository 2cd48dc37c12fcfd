"""``size_targets.csv``: the sizes that the training rows were given."""

from typing import Final

import pandas as pd

from medsize.run_folder import RunFolder
from medsize.tables import read_table, write_table

TOLD_TEXTS: Final = ("value", "low", "high", "unit", "rows")
"""Columns with what a table of sizes says, as it says it."""

TOLD: Final = ("low_fraction", "high_fraction", "value", "low", "high", "unit", "raters", "rows")
"""All columns that are there where sizes came from a table."""


def write_size_targets(run: RunFolder, sizes: pd.DataFrame) -> None:
    """Write the table of a :class:`~medsize.supervision.supervise.Supervision`.

    Raises:
        InputError: The place cannot be written to.
    """
    write_table(run.size_targets, sizes)


def read_size_targets(run: RunFolder) -> pd.DataFrame:
    """Read ``size_targets.csv``.

    Returns:
        The columns ``case, slice, structure, exact_fraction, given_fraction``, and for sizes from a table also what
        it says; unknown sizes are NaN, and so is the slice of what is about a whole case.

    Raises:
        InputError: The file is missing or damaged.
    """
    numbers = ("slice", "exact_fraction", "given_fraction")
    table = read_table(
        run.size_targets,
        texts=("case", "structure"),
        further_texts=TOLD_TEXTS,
        needed=numbers,
        types={"slice": "Int64", "exact_fraction": "float64", "given_fraction": "float64"},
        remedy="copy the run folder again, whole",
    )
    return table[["case", "slice", "structure", *numbers[1:], *(name for name in TOLD if name in table)]]
