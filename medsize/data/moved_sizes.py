"""What becomes of sizes when images are scaled, turned or cut."""

import math
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor

from medsize.data.unlabelled import UNLABELLED

_SIZE, _BOUNDS, _TAGS = _KEYS = ("size_target", "size_bounds", "tags")
_OF_VOLUMES: Final = "volume_"


@dataclass(frozen=True, slots=True)
class Points:
    """Pixels whose class is known, and where they go, each (N,).

    Attributes:
        image: Number of the image in the batch.
        label: The class.
        rows: Where it goes, in pixels from the frame's edge.
        columns: Likewise.
        is_seed: Whether it is a seed, or else of a structure in the pseudo label.
    """

    image: Tensor
    label: Tensor
    rows: Tensor
    columns: Tensor
    is_seed: Tensor

    @classmethod
    def none(cls, device: torch.device) -> Self:
        """Return no points."""
        nothing = torch.zeros(0, dtype=torch.long, device=device)
        return cls(nothing, nothing, nothing.float(), nothing.float(), nothing.bool())


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the images of a batch, each (B,).

    Attributes:
        scale: Factor of lengths.
        pixels: Of Ω before.
        shown: Pixels of Ω after.
        whole: Whether all of Ω is still in the frame.
        cropped: Whether zoom cut away a part that may hold anything.
        measured: Whether sizes of what zoom cut are measured on the label.
    """

    scale: Tensor
    pixels: Tensor
    shown: Tensor
    whole: Tensor
    cropped: Tensor
    measured: bool


def scaled(fractions: Tensor, factor: Tensor) -> Tensor:
    """Return size fractions whose structures are larger by a factor; the background is the rest.

    Args:
        fractions: (B, K), NaN unknown.
        factor: (B,); 1 leaves a row as it is, and NaN makes it unknown.
    """
    factor = factor[:, None]
    changed = torch.cat([1 - (1 - fractions[:, :1]) * factor, fractions[:, 1:] * factor], 1)
    return torch.where(factor == 1, fractions, changed)


def change_sizes(
    before: dict[str, Tensor], after: dict[str, Tensor], change: Change, points: Points
) -> dict[str, Tensor]:
    """Return the sizes, bounds and tags of moved images, and by which factor each image's fractions changed.

    Sizes are fractions of Ω. Where an image is shown whole they stay what they were, for what is added is outside Ω.
    Where it is not, but all of a structure is, the structure's fraction is exactly ``v·s²·|Ω| / |Ω'|`` with the scale
    s and the pixels of Ω before and after; the background is the rest, bounds change likewise, and tags stay. Sizes of
    whole cases change by ``s²·Σ|Ω| / Σ|Ω'|`` over the case's slices, which all have the same scale.

    Sizes are **unknown** (size and bounds NaN, tags all False, which every loss passes over) where a structure may
    have been cut:

    - one of its seeds or decided pseudo labels leaves the frame or comes so near to its edge that the structure may
      reach beyond it: nearer than the radius of its size (or upper bound) less the radius of these pixels, both taken
      as discs (of whole cases, of the mean over the slices that show it);
    - an image is not shown whole, and no pixel of it or of its case tells where a structure is that it has;
    - the structures' sizes would sum above 1;
    - zoom cut the image. Where such sizes are ``measured``, each changes instead by the ratio of its class's share of
      the label after and before.

    Sizes of a case are unknown where they would be in any of its slices.

    Args:
        before: The batch before. Where it has a ``case``, the sizes that are of whole cases are those
            with ``volume_`` in their name, or, if there are none, all.
        after: The batch after, with ``domain`` and, where sizes are measured, ``label``.
        change: What happened.
        points: Where classes are known; those of the background tell nothing.

    Returns:
        Those of ``size_target``, ``size_bounds``, ``tags`` and ``volume_…`` that the batch has; and, if it has any,
        ``size_factor`` (B,), by which fractions of each single image changed, NaN where its sizes became unknown.
    """
    groups = _groups(before, change.scale)
    if not groups:
        return {}
    frame = after["domain"].shape[1], after["domain"].shape[2]
    found: dict[str, Tensor] = {}
    unknown = torch.zeros_like(change.whole)
    for keys, same in groups:
        given = {key.removeprefix(_OF_VOLUMES): before[key] for key in keys}
        factor = _factor(change, points, frame, given, same)
        unknown = unknown | factor.isnan()
        found |= {key: _changed(key, before[key], factor) for key in keys}
    if change.measured:
        found |= {key: _measured(key, before, after, change.cropped, found[key]) for key in found}
    alone = torch.eye(len(unknown), dtype=torch.bool, device=unknown.device)
    return found | {"size_factor": _ratio(change, alone).masked_fill(unknown, torch.nan)}


def _groups(before: dict[str, Tensor], like: Tensor) -> list[tuple[list[str], Tensor]]:
    """Return the keys about single images and those about cases, each with which images belong together, (B, B)."""
    of_slices = [key for key in _KEYS if key in before]
    of_volumes = [key for key in before if key.startswith(_OF_VOLUMES) and key.removeprefix(_OF_VOLUMES) in _KEYS]
    groups = [(of_slices, torch.eye(len(like), dtype=torch.bool, device=like.device))]
    if "case" in before:
        same = before["case"][:, None] == before["case"]
        groups = [*groups, (of_volumes, same)] if of_volumes else [(of_slices, same)]
    return [(keys, same) for keys, same in groups if keys]


def _ratio(change: Change, same: Tensor) -> Tensor:
    """Return the factor of the fractions of what is not cut, (B,): s²·|Ω| / |Ω'|, and 1 where all is shown whole."""
    pixels, shown = (same.float() @ torch.stack([change.pixels, change.shown], 1)).unbind(1)
    parted = (same & ~change.whole).any(1)
    return torch.where(parted, change.scale**2 * pixels / shown, 1)


def _factor(change: Change, points: Points, frame: tuple[int, int], given: dict[str, Tensor], same: Tensor) -> Tensor:
    """Return the factor of the fractions that are given, (B,), NaN where they become unknown."""
    factor = _ratio(change, same)
    cut = _may_be_cut(change, points, frame, given, same)
    least = given[_SIZE] if _SIZE in given else given[_BOUNDS][..., 0] if _BOUNDS in given else None
    if least is not None:
        cut = cut | (least[:, 1:].nansum(1) * factor > 1)
    unknown = change.cropped | (cut & ~change.whole)
    return factor.masked_fill((same & unknown).any(1), torch.nan)


def _may_be_cut(
    change: Change, points: Points, frame: tuple[int, int], given: dict[str, Tensor], same: Tensor
) -> Tensor:
    """Return in which images a structure may reach beyond the frame, (B,), were they not shown whole."""
    batch, classes = next(iter(given.values())).shape[:2]
    counts = torch.bincount(points.image * classes + points.label, minlength=batch * classes)
    counts = counts.view(batch, classes).float()
    slices = same.float() @ (counts > 0).float()  # that show the structure, of each image's case
    area = _expected(given, counts) * (same.float() @ change.pixels)[:, None] / slices.clamp(min=1)
    reach = ((area / math.pi).sqrt() - (counts / math.pi).sqrt()).clamp(min=0) * change.scale[:, None]
    margin = reach[points.image, points.label]
    height, width = frame
    inside = (points.rows >= margin) & (points.rows <= height - margin)
    inside &= (points.columns >= margin) & (points.columns <= width - margin)
    places = points.image, points.label
    outside = torch.zeros_like(counts).index_put_(places, (~inside).float(), accumulate=True)
    return (_there(given) & ((outside > 0) | (slices == 0))).any(1)


def _there(given: dict[str, Tensor]) -> Tensor:
    """Return which structures an image or its case is told to have, (B, K) bool."""
    told = [given[_SIZE] > 0] if _SIZE in given else []
    told += [given[_BOUNDS][..., 0] > 0] if _BOUNDS in given else []
    told += [given[_TAGS]] if _TAGS in given else []
    found = torch.stack(told).any(0)
    found[:, 0] = False
    return found


def _expected(given: dict[str, Tensor], like: Tensor) -> Tensor:
    """Return how large each class may well be, (B, K): its size, or else its upper bound; 0 where neither is known."""
    size = given.get(_SIZE, torch.full_like(like, torch.nan))
    if _BOUNDS in given:
        size = torch.where(size.isnan(), given[_BOUNDS][..., 1], size)
    return size.nan_to_num()


def _changed(key: str, given: Tensor, factor: Tensor) -> Tensor:
    if key.endswith(_TAGS):
        return given & ~factor.isnan()[:, None]
    if key.endswith(_SIZE):
        return scaled(given, factor)
    factor = factor[:, None, None]
    structures = (given[:, 1:] * factor).clamp(max=1)
    # what the structures leave: least where they are largest
    rest = (1 - structures.flip(-1).sum(1, keepdim=True)).clamp(min=0)
    rest = torch.where(given[:, :1].isnan(), torch.nan, rest)
    return torch.where(factor == 1, given, torch.cat([rest, structures], 1))


def _measured(
    key: str, before: dict[str, Tensor], after: dict[str, Tensor], cropped: Tensor, otherwise: Tensor
) -> Tensor:
    given = before[key]
    smallest = torch.finfo(torch.float32).tiny
    ratio = _shares(after, given.shape[1]) / _shares(before, given.shape[1]).clamp(min=smallest)
    if key.endswith(_TAGS):
        measured = given & (ratio > 0)
    elif key.endswith(_BOUNDS):
        measured = (given * ratio[..., None]).clamp(max=1)
    else:
        sizes = given * ratio
        measured = sizes / sizes.sum(1, keepdim=True)
    return torch.where(cropped.view(-1, *[1] * (given.ndim - 1)), measured, otherwise)


def _shares(batch: dict[str, Tensor], classes: int) -> Tensor:
    known = batch["label"] != UNLABELLED
    if "domain" in batch:
        known = known & batch["domain"]
    counts = torch.stack([((batch["label"] == k) & known).sum((1, 2)) for k in range(classes)], dim=1)
    return counts / known.sum((1, 2)).clamp(min=1)[:, None]
