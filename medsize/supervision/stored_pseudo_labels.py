"""Pseudo labels for the slices of a store, grown from seeds and sizes once and kept beside it."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from medsize.config.level import Level
from medsize.config.supervision import PseudoLabels
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.supervision.grow import Extent, grow
from medsize.supervision.items import Item, items_of
from medsize.supervision.seeds import Labels
from medsize.supervision.settle_by_intensity import settle_by_intensity
from medsize.supervision.table_sizes import Estimates


def stored_pseudo_labels(
    config: PseudoLabels,
    store: SliceStore,
    rows: NDArray[np.integer],
    seeds: Labels,
    estimates: Mapping[Level, Estimates],
) -> tuple[Labels, dict[str, float]]:
    """Return the pseudo labels of some rows of a store, and what there is to say about them.

    No label is read. Sizes of slices are grown on each slice, those of volumes through all slices of a case with the
    spacing of its grid. Where both are given, slices whose structures all have sizes of their own are grown by these.

    Args:
        config: How they are grown.
        store: The slices.
        rows: The rows that get labels, whole cases where sizes are of volumes.
        seeds: Class of each seed pixel, 255 elsewhere, (N, H, W).
        estimates: Sizes of slices, of volumes, or of both.

    Returns:
        The class of each pixel that is certain, 255 elsewhere and on all other rows, (N, H, W), on disk. And
        ``decided_share`` of the pixels, ``sizes_without_seeds`` and ``sizes_below_seeds``: how many structures of
        slices or volumes are said to be there but have no seed, and to be smaller than their seeds.
    """
    items = items_of(store, rows, estimates)
    digest = hashlib.sha256()
    for item in items:
        for part in (item.rows, item.spacing, item.low, item.high, seeds[item.rows]):
            digest.update(np.ascontiguousarray(part).tobytes())
    key = {"how": config.model_dump(mode="json"), "items": digest.hexdigest()}

    def write(labels: NDArray[np.uint8]) -> None:
        labels[:] = UNLABELLED
        for item in items:
            labels[item.rows] = grow_item(config, store, seeds, item)

    labels = store.derived("pseudo_labels", key, ((len(store), store.side, store.side), np.uint8), write)
    return labels, _counts(config, store, seeds, items, labels)


def grown_labels(
    config: PseudoLabels,
    store: SliceStore,
    rows: NDArray[np.integer],
    seeds: Labels,
    estimates: Mapping[Level, Estimates],
) -> Labels:
    """Grow the labels of a few rows without keeping them, (n, H, W): see :func:`stored_pseudo_labels`.

    Of volumes, all slices of the rows' cases are grown.
    """
    found = np.full((len(store), store.side, store.side), UNLABELLED, np.uint8)
    for item in items_of(store, rows, estimates):
        found[item.rows] = grow_item(config, store, seeds, item)
    return np.asarray(found[rows])


def grow_item(config: PseudoLabels, store: SliceStore, seeds: Labels, item: Item) -> Labels:
    """Return the pseudo labels of one slice or volume, (n, H, W).

    Args:
        config: How they are grown.
        store: The slices.
        seeds: Class of each seed pixel, 255 elsewhere, (N, H, W).
        item: Its rows and its sizes.
    """
    planes = np.moveaxis(np.asarray(store.images[item.rows]), 1, 0)  # (C, Z, H, W)
    image = planes.reshape(-1, *item.shape)
    domain = np.asarray(store.domain[item.rows]).reshape(item.shape)
    labels = grow(
        seeds[item.rows].reshape(item.shape),
        *item.around(config.tolerance),
        domain=domain,
        spacing=item.spacing,
        image=image if config.by == "geodesic" else None,
        contrast=config.contrast,
    )
    if config.settle:
        labels = settle_by_intensity(
            labels, image, item.low, item.high, domain=domain, spacing=item.spacing, place=config.settle.place
        )
    return labels.reshape(len(item.rows), *item.shape[-2:])


def _counts(
    config: PseudoLabels, store: SliceStore, seeds: Labels, items: list[Item], labels: Labels
) -> dict[str, float]:
    without = below = decided = pixels = 0
    for item in items:
        domain = store.domain[item.rows]
        inside = int(np.count_nonzero(domain))
        inner = np.where(domain, seeds[item.rows], np.uint8(UNLABELLED))
        extent = Extent.of(inner, *item.around(config.tolerance), inside)
        without += int(extent.without_seeds.sum())
        below += int(extent.below_seeds.sum())
        decided += int(np.count_nonzero(labels[item.rows] != UNLABELLED))
        pixels += inside
    return {
        "decided_share": decided / max(pixels, 1),
        "sizes_without_seeds": without,
        "sizes_below_seeds": below,
    }
