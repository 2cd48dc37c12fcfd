"""Sizes measured on masks, as the table that a run reads back: to look at, to edit, or to simulate an estimator."""

from pathlib import Path

import numpy as np

from medsize.config.run import RunConfig
from medsize.data.prepare import find_split_cases, of_split, prepare_slices
from medsize.errors import InputError
from medsize.supervision.extents import image_per_slice
from medsize.supervision.given_sizes import given_sizes
from medsize.supervision.size_table.slice_sizes import write_slice_sizes


def sizes_from_labels(config: RunConfig, path: Path) -> int:
    """Write the size of every structure on every slice as a CSV that ``--sizes`` reads.

    The table is of slices whatever the level of the supervision: at the level of volumes, reading it adds them up.

    Args:
        config: Which data, and which sizes: exact, noisy or mean.
        path: The CSV to write.

    Returns:
        The number of rows written.

    Raises:
        InputError: No case has a label, or the configuration takes its sizes from a table already.
    """
    if config.supervision.sizes.kind == "table":
        raise InputError("sizes of kind 'table' are not measured on labels", expected="exact, noisy or mean")
    found = find_split_cases(config.data)
    store = prepare_slices(config.data, found)
    rows = store.rows(case.id for case in of_split(found.cases, "train", "val") if case.label is not None)
    if not len(rows):
        raise InputError("no case has a label to measure sizes on", found=f"{len(found.cases)} cases")
    sizes = given_sizes(config.supervision.sizes, store, rows, config.training.seed)
    # A table is about images as they are in their files, whatever preprocessing cuts out of them.
    sizes /= np.array([image_per_slice(store, case) for case in store.index["case"]])[:, None]
    return write_slice_sizes(path, store.index, sizes, store.structures)
