"""Seeds for the slices of a store, made once and kept beside it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsize.config.supervision import CueSeeds, NoSeeds, RandomSeeds, ScribbleSeeds, Seeds
from medsize.data.originals import Originals
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.supervision.cue_files import cue_paths, read_cue_seeds
from medsize.supervision.rng import SEEDS, rng_for
from medsize.supervision.scribbles import class_of_values, scribble_paths, write_scribble_seeds
from medsize.supervision.seeds import Labels, MaskSeeds, make_seeds


def stored_seeds(
    config: Seeds, store: SliceStore, rows: NDArray[np.integer], seed: int, labels: Mapping[str, int] | None
) -> Labels:
    """Return the seeds of some rows of a store.

    Labels are read only for seeds made from masks, of these rows alone, and only the first time. A random choice
    depends on ``seed``, the case and the slice.

    Args:
        config: The kind of seeds.
        store: The slices.
        rows: The rows that get seeds.
        seed: Of random seeds.
        labels: Structure name to its value in the files of the data set; scribbles alone need it.

    Returns:
        Class of each seed pixel, 255 elsewhere and on all other rows, (N, H, W), on disk.

    Raises:
        InputError: Scribbles or cues are missing, cannot be used, or were changed while they were read.
    """
    key: dict[str, Any] = {
        "seeds": config.model_dump(mode="json", exclude={"folder"}),
        "rows": hashlib.sha256(np.ascontiguousarray(rows, np.int64).tobytes()).hexdigest(),
    }
    shape = ((len(store), store.side, store.side), np.uint8)
    originals = Originals()
    if isinstance(config, NoSeeds):
        return store.derived("seeds", key, shape, lambda seeds: seeds.fill(UNLABELLED))
    if isinstance(config, CueSeeds):
        cues = cue_paths(config, store.index["case"].iloc[rows].unique())
        key |= {"files": {case: originals.digest(path) for case, path in cues.items()}}

        def read(seeds: Labels) -> None:
            seeds[:] = UNLABELLED
            read_cue_seeds(seeds, store, cues)
            originals.require_unchanged(cues.values())

        return store.derived("cues", key, shape, read)
    if not isinstance(config, ScribbleSeeds):
        key |= {"seed": seed} if isinstance(config, RandomSeeds) else {}
        return store.derived("seeds", key, shape, lambda seeds: _write_mask_seeds(seeds, config, store, rows, seed))
    if labels is None:
        raise ValueError("scribbles need `labels`, the meaning of the values that are drawn")
    paths = scribble_paths(config, store.index["case"].iloc[rows].unique())
    class_of = class_of_values(labels, store.structures)
    files = {case: originals.digest(path) for case, path in paths.items()}
    key |= {"files": files, "classes": sorted(class_of.items())}

    def write(seeds: Labels) -> None:
        seeds[:] = UNLABELLED
        write_scribble_seeds(seeds, store, paths, labels, config)
        originals.require_unchanged(paths.values())

    return store.derived("scribbles", key, shape, write)


def seed_pixels(seeds: Labels, rows: NDArray[np.integer]) -> dict[str, float]:
    """Count the seed pixels of some rows.

    Returns:
        ``slices``, ``slices_with_seeds``, and over those the ``mean`` and ``median`` number of pixels a slice.
    """
    counts = np.array([np.count_nonzero(seeds[row] != UNLABELLED) for row in rows])
    positive = counts[counts > 0]
    return {
        "slices": len(counts),
        "slices_with_seeds": len(positive),
        "mean": float(positive.mean()) if len(positive) else 0.0,
        "median": float(np.median(positive)) if len(positive) else 0.0,
    }


def _write_mask_seeds(
    seeds: Labels, config: MaskSeeds, store: SliceStore, rows: NDArray[np.integer], seed: int
) -> None:
    seeds[:] = UNLABELLED
    labels = store.labels
    slices = zip(rows, store.index["case"].iloc[rows], store.index["slice"].iloc[rows], strict=True)
    for row, case, number in slices:
        seeds[row] = make_seeds(config, np.asarray(labels[row]), rng_for(seed, SEEDS, str(case), int(number)))
