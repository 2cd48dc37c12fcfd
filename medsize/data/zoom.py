"""Random zoom: each image scaled, then cropped or padded to its size, with all that lies on its pixels."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from medsize.data.unlabelled import UNLABELLED

_SIZES = ("size_target", "volume_size_target")
_BOUNDS = ("size_bounds", "volume_size_bounds")
_TAGS = ("tags", "volume_tags")


@dataclass(frozen=True, slots=True)
class Placement:
    """How each image of a batch is scaled and where it is put.

    Attributes:
        scale: (B,); 2 doubles the sides and shows a quarter of the image, 0.5 halves them and pads.
        place: (2, B) in [0, 1], for rows and columns: which part is shown, or where in the padding it lies.
    """

    scale: Tensor
    place: Tensor


def zoom(
    batch: dict[str, Tensor], placement: Placement, sizes_of_crops: Literal["unknown", "measured"]
) -> dict[str, Tensor]:
    """Return a batch zoomed; image, seeds, label and domain move together.

    Where an image is shown whole its sizes stay what they were, for padding is outside Ω. Where a part of it is cut
    away they are no longer known: sizes and bounds become NaN and tags all False, which every loss passes over, or,
    if they are ``measured``, each size changes by the ratio of the class's share of the label after and before.

    Args:
        batch: ``image`` (B, C, H, W) and the other entries of a batch; ``label`` where sizes are measured.
        placement: Of each image.
        sizes_of_crops: ``unknown`` or ``measured``.
    """
    height, width = batch["image"].shape[2:]
    scale, place = (value.to(batch["image"].device, torch.float32) for value in (placement.scale, placement.place))
    # rows and columns: where the centres of the result's pixels lie in the image, counted from its edge
    offset = place * (1 - scale) * torch.tensor([[height], [width]], device=scale.device)
    rows, columns = (
        (torch.arange(length, device=scale.device) + 0.5 - start[:, None]) / scale[:, None]
        for length, start in zip((height, width), offset, strict=True)
    )
    grid = torch.stack(
        [
            (2 * columns / width - 1)[:, None, :].expand(-1, height, -1),
            (2 * rows / height - 1)[:, :, None].expand(-1, -1, width),
        ],
        dim=-1,
    )
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    domain = batch.get("domain")
    found = batch | {"domain": inside if domain is None else inside & _nearest(domain, grid).bool()}
    image = F.grid_sample(batch["image"], grid, mode="bilinear", padding_mode="border", align_corners=False)
    found["image"] = image * found["domain"][:, None]
    for key in ("seeds", "pseudo_label", "label"):
        if key in batch:
            found[key] = torch.where(found["domain"], _nearest(batch[key], grid), UNLABELLED).to(batch[key].dtype)
    if "seeds" in batch:
        found["seeds"] = _keep_seeds(found["seeds"], batch["seeds"], scale, offset)
    return found | _sizes(batch, found, scale > 1, sizes_of_crops)


def _nearest(labels: Tensor, grid: Tensor) -> Tensor:
    sampled = F.grid_sample(labels[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)
    return sampled[:, 0].to(labels.dtype)


def _keep_seeds(seeds: Tensor, before: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Add the seeds that are so small that sampling may have passed over them: each goes where its centre falls."""
    image, row, column = torch.nonzero(before != UNLABELLED, as_tuple=True)
    height, width = seeds.shape[1:]
    down, right = (
        ((at + 0.5) * scale[image] + start[image]).floor().long()
        for at, start in zip((row, column), offset, strict=True)
    )
    kept = (down >= 0) & (down < height) & (right >= 0) & (right < width)
    flat = (image * height + down) * width + right
    # of several classes in one pixel the lowest, so that the result does not depend on the order on a device
    moved = torch.full((seeds.numel(),), UNLABELLED, device=seeds.device).scatter_reduce_(
        0, flat[kept], before[image, row, column][kept].long(), "amin"
    )
    return torch.where(seeds == UNLABELLED, moved.view_as(seeds).to(seeds.dtype), seeds)


def _sizes(
    before: dict[str, Tensor], after: dict[str, Tensor], cropped: Tensor, sizes_of_crops: Literal["unknown", "measured"]
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for key in (*_SIZES, *_BOUNDS, *_TAGS):
        if key not in before:
            continue
        given = before[key]
        if sizes_of_crops == "measured":
            ratio = _shares(after, given.shape[1]) / _shares(before, given.shape[1]).clamp(
                min=torch.finfo(torch.float32).tiny
            )
            changed = _changed(key, given, ratio)
        else:
            changed = torch.zeros_like(given) if key in _TAGS else torch.full_like(given, torch.nan)
        found[key] = torch.where(cropped.view(-1, *[1] * (given.ndim - 1)), changed, given)
    return found


def _changed(key: str, given: Tensor, ratio: Tensor) -> Tensor:
    if key in _TAGS:
        return given & (ratio > 0)
    if key in _BOUNDS:
        return (given * ratio[..., None]).clamp(max=1)
    sizes = given * ratio
    return sizes / sizes.sum(1, keepdim=True)


def _shares(batch: dict[str, Tensor], classes: int) -> Tensor:
    label = batch["label"]
    known = label != UNLABELLED
    if "domain" in batch:
        known = known & batch["domain"]
    counts = torch.stack([((label == k) & known).sum((1, 2)) for k in range(classes)], dim=1)
    return counts / known.sum((1, 2)).clamp(min=1)[:, None]
