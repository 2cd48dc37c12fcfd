"""All that moves the pixels of images (zoom, scaling, rotation, elastic deformation), in one resampling."""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from medsize.data.elastic import Waves
from medsize.data.moved_sizes import Change, Points, change_sizes
from medsize.data.unlabelled import UNLABELLED

LABELS = ("seeds", "label", "pseudo_label")
"""Entries of a batch that hold a class a pixel, (B, H, W) uint8, 255 where there is none."""

_ROUNDING_PIXELS = 1e-3


@dataclass(frozen=True, slots=True)
class Movement:
    """How each image of a batch is moved: deformed, scaled, put somewhere and turned around the frame's centre.

    Attributes:
        scale: (B,); 2 doubles the sides and shows a quarter of the image, 0.5 halves them and pads.
        place: (2, B) in [0, 1], for rows and columns: which part is shown, or where in the padding it lies.
        angle: (B,) radians; from the rows' axis towards the columns'.
        cropped: (B,) bool; of which images zoom cuts away a part that may hold anything.
        waves: The elastic deformation, if there is one.
    """

    scale: Tensor
    place: Tensor
    angle: Tensor
    cropped: Tensor
    waves: Waves | None = None

    def to(self, device: torch.device) -> "Movement":
        """Return the movement on a device."""
        return Movement(
            scale=self.scale.to(device),
            place=self.place.to(device),
            angle=self.angle.to(device),
            cropped=self.cropped.to(device),
            waves=self.waves and self.waves.to(device),
        )

    def of_images(self, images: Tensor) -> "Movement":
        """Return the movements of some images, (N,) numbers of them."""
        return Movement(
            scale=self.scale[images],
            place=self.place[:, images],
            angle=self.angle[images],
            cropped=self.cropped[images],
            waves=self.waves and self.waves.of_images(images),
        )

    def forward(self, rows: Tensor, columns: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return where points of the images go.

        Args:
            rows: Of the points, in pixels from the image's edge, (B, ...): a pixel's centre is at its number + ½.
            columns: Likewise.
            shape: Height and width of the images.
        """
        if self.waves:
            rows, columns = self.waves.displace(rows, columns, min(shape))
        scale, offset, cosine, sine = self._on_points(rows.ndim, shape)
        centre = shape[0] / 2, shape[1] / 2
        down, right = (
            at * scale + start - middle for at, start, middle in zip((rows, columns), offset, centre, strict=True)
        )
        return cosine * down - sine * right + centre[0], sine * down + cosine * right + centre[1]

    def backward(self, rows: Tensor, columns: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return where in the images points of the result come from: the inverse of :meth:`forward`."""
        scale, offset, cosine, sine = self._on_points(rows.ndim, shape)
        down, right = (rows - shape[0] / 2) / scale, (columns - shape[1] / 2) / scale
        start = (shape[0] / 2 - offset[0]) / scale, (shape[1] / 2 - offset[1]) / scale
        # in this order, as the rows and columns of a whole grid then become (B, H, W) in one addition each
        rows, columns = cosine * down + (sine * right + start[0]), (start[1] - sine * down) + cosine * right
        return self.waves.displace(rows, columns, min(shape), back=True) if self.waves else (rows, columns)

    def shows_whole(self, domain: Tensor | None, shape: tuple[int, int]) -> Tensor:
        """Return of which images nothing is cut away for sure, (B,) bool.

        Args:
            domain: Ω before, (B, H, W) bool; everything by default.
            shape: Height and width of the images.
        """
        height, width = shape
        if domain is None:
            bottom, right = (torch.full_like(self.scale, length) for length in shape)
            top, left = torch.zeros_like(bottom), torch.zeros_like(right)
        else:
            (top, bottom), (left, right) = _ends(domain.any(2)), _ends(domain.any(1))
        rigid = replace(self, waves=None)
        rows, columns = rigid.forward(
            torch.stack([top, top, bottom, bottom], 1), torch.stack([left, right, left, right], 1), shape
        )
        slack = (self.waves.reach() * min(shape) * self.scale)[:, None] if self.waves else 0.0
        least = slack - _ROUNDING_PIXELS
        inside = (rows >= least) & (rows <= height - least) & (columns >= least) & (columns <= width - least)
        return inside.all(1)

    def _on_points(self, dims: int, shape: tuple[int, int]) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor, Tensor]:
        like = (-1, *[1] * (dims - 1))
        down, right = (
            (place * (1 - self.scale) * length).view(like) for place, length in zip(self.place, shape, strict=True)
        )
        return self.scale.view(like), (down, right), self.angle.cos().view(like), self.angle.sin().view(like)


def move(batch: dict[str, Tensor], movement: Movement, *, measure_crops: bool = False) -> dict[str, Tensor]:
    """Return a batch moved; image, seeds, label, pseudo label and domain move together, each resampled once.

    The image is interpolated linearly, what holds classes takes the nearest pixel. What a turned or smaller image
    leaves free in its frame is outside Ω, so no loss looks there. Images of one case (equal numbers in ``case``) all
    move as the first of them, for one size of the whole case has to stay right for all of its slices. What becomes
    of sizes is told by :func:`~medsize.data.moved_sizes.change_sizes`.

    Args:
        batch: ``image`` (B, C, H, W) and the other entries of a batch; ``label`` where the sizes of crops are
            measured.
        movement: Of each image.
        measure_crops: Measure the sizes of images that zoom cut on ``label``, where otherwise they are unknown.

    Returns:
        The batch with ``domain`` (B, H, W) bool, and with ``size_factor`` (B,) where it holds sizes.
    """
    image = batch["image"]
    shape = image.shape[2], image.shape[3]
    movement = movement.to(image.device)
    if "case" in batch:
        movement = movement.of_images((batch["case"][:, None] == batch["case"]).int().argmax(1))
    rows, columns = movement.backward(*_centres(shape, image.device), shape)
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    numbers = (_numbers(rows, shape[0]) * shape[1] + _numbers(columns, shape[1])).long()
    domain = batch.get("domain")
    after = inside if domain is None else inside & _taken(domain, numbers)
    moved = _interpolated(image, rows, columns).masked_fill_(~after[:, None], 0)
    found = batch | {"domain": after, "image": moved.to(image.dtype)}
    for key in LABELS:
        if key in batch:
            found[key] = _taken(batch[key], numbers).masked_fill_(~after, UNLABELLED)
    points = _points(batch, movement, shape)
    if "seeds" in batch:
        _keep_seeds(found["seeds"], points)
    change = Change(
        scale=movement.scale,
        pixels=inside[0].numel() * torch.ones_like(movement.scale) if domain is None else domain.sum((1, 2)).float(),
        shown=after.sum((1, 2)).float(),
        whole=movement.shows_whole(domain, shape),
        cropped=movement.cropped,
        measured=measure_crops,
    )
    return found | change_sizes(batch, found, change, points)


def _ends(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """Return where what is True along the last axis begins and ends, (B,) each, in pixels from the edge."""
    first, last = (ends.byte().argmax(1) for ends in (occupied, occupied.flip(1)))
    return first.float(), (occupied.shape[1] - last).float()


def _centres(shape: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return rows (1, H, 1) and columns (1, 1, W) of the centres of pixels."""
    rows, columns = (torch.arange(length, device=device) + 0.5 for length in shape)
    return rows[None, :, None], columns[None, None, :]


def _numbers(positions: Tensor, length: int) -> Tensor:
    """Return the numbers of the pixels at positions, of those outside the nearest."""
    return positions.clamp(0, length - 0.5).int()


def _taken(values: Tensor, numbers: Tensor) -> Tensor:
    """Return the pixels of (B, H, W) by their number in each image."""
    return values.flatten(1).gather(1, numbers.flatten(1)).view_as(numbers)


def _interpolated(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the image between its pixels' centres, (B, C, H, W) float32, and beyond the outermost as they are."""
    height, width = image.shape[2:]
    grid = torch.stack([columns * (2 / width) - 1, rows * (2 / height) - 1], 1).permute(0, 2, 3, 1)
    # in float32, as half precisions cannot tell neighbouring pixels of a large image apart
    return F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def _points(batch: dict[str, Tensor], movement: Movement, shape: tuple[int, int]) -> Points:
    """Return the pixels of seeds, and of structures in decided pseudo labels, and where they go."""
    seeds, pseudo = (batch[key].flatten() if key in batch else None for key in ("seeds", "pseudo_label"))
    masks = [] if seeds is None else [seeds != UNLABELLED]
    masks += [] if pseudo is None else [(pseudo != UNLABELLED) & (pseudo != 0)]
    if not masks:
        return Points.none(movement.scale.device)
    numbers = torch.nonzero(masks[0] if len(masks) == 1 else masks[0] | masks[1])[:, 0]
    of_seed = torch.full_like(numbers, UNLABELLED) if seeds is None else seeds[numbers].long()
    label = of_seed if pseudo is None else torch.where(of_seed == UNLABELLED, pseudo[numbers].long(), of_seed)
    image, pixel = numbers // math.prod(shape), numbers % math.prod(shape)
    goes = movement.of_images(image).forward(pixel // shape[1] + 0.5, pixel % shape[1] + 0.5, shape)
    return Points(image, label, *goes, is_seed=of_seed != UNLABELLED)


def _keep_seeds(seeds: Tensor, points: Points) -> None:
    """Add the seeds that are so small that sampling may have passed over them: each goes where its centre falls."""
    height, width = seeds.shape[1:]
    down, right = points.rows.floor().long(), points.columns.floor().long()
    kept = points.is_seed & (down >= 0) & (down < height) & (right >= 0) & (right < width)
    numbers = ((points.image * height + down) * width + right)[kept]
    # of several classes in one pixel the lowest, so that the result does not depend on the order on a device
    moved = torch.full((seeds.numel(),), UNLABELLED, device=seeds.device)
    moved.scatter_reduce_(0, numbers, points.label[kept], "amin")
    there = seeds.view(-1)
    there[numbers] = torch.where(there[numbers] == UNLABELLED, moved[numbers].to(seeds.dtype), there[numbers])
