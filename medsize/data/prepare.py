"""From a configuration to the cases of a run, split, and the store of its slices."""

from dataclasses import replace

import numpy as np

from medsize.config.data import DataConfig
from medsize.console import progress_bar
from medsize.data.case import Case
from medsize.data.emptiness import require_something
from medsize.data.sources import CaseList, find_cases
from medsize.data.splits import split_cases
from medsize.data.store import SliceStore, open_store


def find_split_cases(config: DataConfig) -> CaseList:
    """Find the cases that a configuration describes, each with its split.

    Raises:
        InputError: The source, a structure or the split cannot be used.
    """
    found = find_cases(config)
    return replace(found, cases=split_cases(found.cases, config.split))


def of_split(cases: list[Case], *splits: str) -> list[Case]:
    """Return the cases of some splits (``train``, ``val``, ``test``), those of the first split first."""
    return [case for split in splits for case in cases if case.split == split]


def prepare_slices(config: DataConfig, found: CaseList) -> SliceStore:
    """Build or open the store of the training and validation slices, with progress.

    Raises:
        InputError: Cases have labels, but no structure is in any.
        InputErrors: Images or labels cannot be used; all of them are named.
    """
    with progress_bar("Preparing slices") as moved:
        store = open_store(
            of_split(found.cases, "train", "val"),
            found.labels,
            found.structures,
            config.preprocessing,
            config.cache,
            progress=moved,
        )
    labelled = sum(case.label is not None for case in of_split(found.cases, "train", "val"))
    require_something(found.structures, found.labels, labelled, float(np.nansum(store.fractions)))
    return store
