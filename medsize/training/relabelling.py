"""The network as its own teacher, held to the sizes: made where a stage begins, kept with its checkpoints.

A network that learned from seeds and sizes knows borders better than any rule that grows seeds, and the sizes know how
much there is. So the training slices are labelled anew: as the network would, among all labels that have the sizes.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from numpy.typing import NDArray
from torch import nn

from medsize.config.level import Level
from medsize.config.stages import RelabelConfig
from medsize.config.supervision import PseudoLabels
from medsize.data.batches import Given
from medsize.data.store import SliceStore
from medsize.data.unlabelled import UNLABELLED
from medsize.inference.predict_slices import predict_probabilities
from medsize.supervision.assign import label_under_sizes
from medsize.supervision.corrected_sizes import correct_sizes
from medsize.supervision.given_sizes import first_rows
from medsize.supervision.items import Item, items_of
from medsize.supervision.nearness import distances_in_radii
from medsize.supervision.size_targets import Fractions
from medsize.supervision.stored_pseudo_labels import grow_item
from medsize.supervision.supervise import PSEUDO_LABEL, Supervision
from medsize.supervision.table_sizes import Estimates
from medsize.training.sizes_while_learning import fractions_of

_SMALLEST: Final = torch.finfo(torch.float32).tiny


def relabel(
    network: nn.Module,
    store: SliceStore,
    rows: NDArray[np.intp],
    supervision: Supervision,
    config: RelabelConfig,
    grown: PseudoLabels,
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int,
    before_batch: Callable[[], None] = lambda: None,
) -> tuple[Given, pd.DataFrame]:
    """Label the training slices as a network would, among all labels that have the sizes.

    Sizes of slices hold for each slice, those of volumes for all slices of a case together: how a volume is shared
    among them, the network says. No label is read.

    Args:
        network: That predicts; on ``device``.
        store: The slices.
        rows: Rows that train.
        supervision: Seeds, which keep their class, and the given sizes.
        config: Which sizes, how far the network may leave the grown labels, and how much is left undecided.
        grown: How labels are grown from the seeds.
        device: Where the network is.
        precision: Of its arithmetic.
        batch_size: Slices at a time.
        before_batch: Called before every batch, and may raise.

    Returns:
        What takes the place of what was given (labels, and size targets where there are some), and a table of the
        sizes: ``case``, ``slice`` (empty for a volume), ``structure``, ``given_fraction``, ``predicted_fraction`` and
        ``used_fraction``.
    """
    domain = np.asarray(store.domain[rows])
    predicted = np.full((len(store), store.classes), np.nan)
    with tempfile.TemporaryFile() as file:
        # On disk, as what is predicted of a data set need not fit into memory.
        log_probs = np.memmap(file, np.float16, "w+", shape=(len(rows), store.classes, *domain.shape[1:]))
        done = 0
        for batch in predict_probabilities(
            network, store.images, rows, device=device, precision=precision, batch_size=batch_size
        ):
            before_batch()
            some = slice(done, done + len(batch))
            log_probs[some] = batch.clamp(min=_SMALLEST).log().cpu().numpy()
            predicted[rows[some]] = fractions_of(batch, torch.from_numpy(domain[some]).to(device)).cpu().numpy()
            done = some.stop
        seen = {level: _of_level(predicted, store, rows, level) for level in supervision.estimates}
        used = {
            level: _corrected(given, seen[level], store, rows, level, _noise(config, supervision))
            if config.sizes == "corrected"
            else given
            for level, given in supervision.estimates.items()
        }
        labels = _labels(log_probs, domain, store, rows, supervision.given.get("seeds"), used, config, grown)
    tables = [
        _table(store, rows, level, supervision.estimates[level].value, seen[level], used[level].value) for level in used
    ]
    return {PSEUDO_LABEL: labels} | _targets(supervision, used), pd.concat(tables, ignore_index=True)


def agreed(relabelled: Given, accelerator: Accelerator) -> Given:
    """Return what the first of the processes that train together has, in all of them."""
    if accelerator.num_processes == 1:
        return relabelled
    tensors = {name: torch.from_numpy(array).to(accelerator.device) for name, array in relabelled.items()}
    return {name: tensor.cpu().numpy() for name, tensor in broadcast(tensors).items()}


def describe_sizes(sizes: pd.DataFrame) -> str:
    """Say how far the sizes of a table of :func:`relabel` are from those given."""
    structures = sizes[(sizes["structure"] != "background") & (sizes["given_fraction"] > 0)]
    moved = (structures["used_fraction"] / structures["given_fraction"] - 1).abs().mean()
    return "the sizes as given" if not moved > 0 else f"sizes that are {moved:.1%} from those given on average"


def _noise(config: RelabelConfig, supervision: Supervision) -> float | None:
    return supervision.expected_noise if config.noise is None else config.noise


def _of_level(predicted: Fractions, store: SliceStore, rows: NDArray[np.intp], level: Level) -> Fractions:
    """Return predicted sizes of slices as they are, or in all rows of a case those of its volume."""
    if level == "slice":
        return predicted
    whole = predicted.copy()
    for case in store.index["case"].iloc[first_rows(store, rows)]:
        own = store.rows([case])
        whole[own] = predicted[own].mean(0)  # all slices of a case have equally many pixels
    return whole


def _corrected(
    given: Estimates, seen: Fractions, store: SliceStore, rows: NDArray[np.intp], level: Level, noise: float | None
) -> Estimates:
    once = rows if level == "slice" else first_rows(store, rows)
    value = given.value.copy()
    value[once] = correct_sizes(given.value[once], seen[once], noise).sizes
    if level == "volume":
        for case, row in zip(store.index["case"].iloc[once], once, strict=True):
            value[store.rows([case])] = value[row]
    return replace(given, value=value)


def _labels(
    log_probs: NDArray[np.float16],
    domain: NDArray[np.bool_],
    store: SliceStore,
    rows: NDArray[np.intp],
    seeds: NDArray[np.uint8] | None,
    used: Mapping[Level, Estimates],
    config: RelabelConfig,
    grown: PseudoLabels,
) -> NDArray[np.uint8]:
    labels = np.full((len(store), *domain.shape[1:]), UNLABELLED, np.uint8)
    place = {int(row): at for at, row in enumerate(rows)}
    for item in items_of(store, rows, used):
        at = [place[int(row)] for row in item.rows]
        inside = domain[at]
        known = np.full_like(labels[item.rows], UNLABELLED) if seeds is None else np.asarray(seeds[item.rows])
        scores = np.moveaxis(np.asarray(log_probs[at]), 1, 0)[:, inside].astype(np.float32)
        if config.anchor and seeds is not None:
            scores -= config.anchor * _distances(grown, store, seeds, item, inside)
        found = label_under_sizes(
            torch.from_numpy(scores),
            torch.from_numpy(item.low),
            torch.from_numpy(item.high),
            seeds=torch.from_numpy(known[inside]),
            tolerance=config.tolerance,
        )
        block = np.full(inside.shape, UNLABELLED, np.uint8)
        block[inside] = found.numpy()
        labels[item.rows] = block
    return labels


def _distances(
    grown: PseudoLabels, store: SliceStore, seeds: NDArray[np.uint8], item: Item, inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return how far each pixel of Ω is from each class of the labels grown to an item's sizes, (K, P), in radii."""
    labels = grow_item(grown, store, seeds, item).reshape(item.shape)
    distances = distances_in_radii(labels, item.low, item.high, domain=inside.reshape(item.shape), spacing=item.spacing)
    return distances.reshape(len(distances), *inside.shape)[:, inside].astype(np.float32)


def _targets(supervision: Supervision, used: Mapping[Level, Estimates]) -> dict[str, NDArray[np.float32]]:
    """Return the size targets that are used, under the names of those of the supervision that they replace."""
    both = len(used) > 1
    names = {level: "volume_size_target" if both and level == "volume" else "size_target" for level in used}
    return {name: used[level].value.astype(np.float32) for level, name in names.items() if name in supervision.given}


def _table(
    store: SliceStore, rows: NDArray[np.intp], level: Level, given: Fractions, seen: Fractions, used: Fractions
) -> pd.DataFrame:
    rows = rows if level == "slice" else first_rows(store, rows)
    names = ["background", *store.structures]
    keys = store.index[["case", "slice"]].iloc[np.repeat(rows, len(names))].reset_index(drop=True)
    keys["slice"] = keys["slice"].astype("Int64") if level == "slice" else pd.array([pd.NA] * len(keys), dtype="Int64")
    return keys.assign(
        structure=names * len(rows),
        given_fraction=given[rows].ravel(),
        predicted_fraction=seen[rows].ravel(),
        used_fraction=used[rows].ravel(),
    )
