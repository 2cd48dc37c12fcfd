"""Labels that have the given sizes: the most probable ones among all that do."""

from typing import Final

import torch
from torch import Tensor

from medsize.data.unlabelled import UNLABELLED

_CERTAIN: Final = 1e4
"""In nats: more than any network's logarithms differ by, and little enough for float32 to add to them."""

_SWEEPS: Final = 20
"""Over all prices; five find them on slices of four classes."""


def assign(log_probs: Tensor, counts: Tensor, seeds: Tensor | None = None) -> Tensor:
    """Give every pixel a class so that each class gets its count, and the labels are as probable as they can be.

    It is the transport of pixels to classes: maximise ``Σ_p ln S_p^{y_p}`` over all labels y with ``#{p : y_p =
    k} = n_k``. At the optimum a pixel takes the class with the greatest ``ln S_p^k + u_k`` for some prices u,
    and labels that follow from prices and have the counts are an optimum. One price at a time is set so that
    its class gets its count from all others as they stand, over and over (the coordinate ascent of the dual, as
    in Bertsekas' auctions). The few pixels by which counts are still wrong, where many are alike, change their
    class where it costs least.

    Args:
        log_probs: ln S, (K, P), of the P pixels of one slice, of one volume, or of anything that has a size.
        counts: Pixels of each class, (K,); NaN where unknown, which the network decides. They are rounded; the
            background, class 0, takes what is left where every size is known.
        seeds: The class of each seed pixel, 255 elsewhere, (P,) uint8. Seeds keep their class: where there are more
            of one than its count, its count is theirs.

    Returns:
        Class of each pixel, (P,) uint8.
    """
    scores = log_probs.float()
    classes, pixels = scores.shape
    if seeds is not None:
        scores = _with_seeds(scores, seeds)
    wanted = _whole_counts(counts.to(scores.device), pixels, seeds)
    known = wanted >= 0
    if int(known.sum()) > 1 and classes > 2:
        scores = scores + _prices(scores, wanted, known).unsqueeze(1)
    return _with_counts(scores, wanted).to(torch.uint8)


def _with_seeds(scores: Tensor, seeds: Tensor) -> Tensor:
    numbers = torch.arange(len(scores), device=scores.device, dtype=torch.uint8).unsqueeze(1)
    other = (seeds != UNLABELLED) & (numbers != seeds)
    return scores - _CERTAIN * other


def _whole_counts(counts: Tensor, pixels: int, seeds: Tensor | None) -> Tensor:
    """Return (K,) int64 counts that hold the seeds and sum to at most all pixels; −1 where unknown."""
    unknown = counts.isnan()
    whole = counts.nan_to_num(0).round().long().clamp(0, pixels)
    if seeds is not None:
        held = torch.stack([(seeds == number).sum() for number in range(len(counts))])
        whole = whole.maximum(held)
    else:
        held = torch.zeros_like(whole)
    whole[unknown] = -1
    # The background gives way to the structures, and these to the image, the largest first.
    for number in [0, *whole[1:].argsort(descending=True).add(1).tolist()]:
        rest = whole.clamp(min=0).sum() - pixels
        if rest > 0 and whole[number] >= 0:
            whole[number] = (whole[number] - rest).maximum(held[number])
    if not unknown.any():
        whole[0] += pixels - whole.sum()
    return whole


def _prices(scores: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Return (K,) prices of the classes under which ``wanted`` pixels prefer each; 0 where the count is unknown."""
    classes = len(scores)
    prices = torch.zeros(classes, device=scores.device)
    for _ in range(_SWEEPS):
        for number in known.nonzero().squeeze(1).tolist():
            priced = scores + prices.unsqueeze(1)
            priced[number] = -torch.inf
            margin = scores[number] - priced.amax(0)
            prices[number] = -_split(margin, int(wanted[number]))
        found = torch.bincount((scores + prices.unsqueeze(1)).argmax(0), minlength=classes)
        if (found == wanted)[known].all():
            break
    return prices


def _split(values: Tensor, count: int) -> Tensor:
    """Return a number that so many of the values exceed, half-way to the next one."""
    if count <= 0:
        return values.max() + 1
    if count >= len(values):
        return values.min() - 1
    last, next_ = (values.kthvalue(len(values) - at).values for at in (count - 1, count))
    return (last + next_) / 2


def _with_counts(scores: Tensor, wanted: Tensor) -> Tensor:
    """Return the best class of each pixel, (P,), changed where it costs least until the counts are those wanted."""
    labels = scores.argmax(0)
    classes = len(scores)
    for _ in range(classes * classes):
        excess = torch.bincount(labels, minlength=classes) - wanted
        excess[wanted < 0] = 0
        if not excess.any():
            break
        move = _cheapest_move(scores, labels, excess, wanted < 0)
        if move is None:
            break
        pixels, target = move
        labels[pixels] = target
    return labels


def _cheapest_move(scores: Tensor, labels: Tensor, excess: Tensor, free: Tensor) -> tuple[Tensor, int] | None:
    """Return pixels to move and the class they move to: from the class with most to spare, or to the one most in need.

    A pair of classes is chosen, the one whose next pixel loses least, and as many pixels move as one of the two allows.
    """
    best: tuple[float, Tensor, int] | None = None
    for giver in range(len(scores)):
        for taker in range(len(scores)):
            may_give = excess[giver] > 0 or (free[giver] and excess[taker] < 0)
            may_take = excess[taker] < 0 or (free[taker] and excess[giver] > 0)
            if giver == taker or not (may_give and may_take):
                continue
            theirs = (labels == giver).nonzero().squeeze(1)
            limits = [len(theirs), *(abs(int(excess[k])) for k in (giver, taker) if not free[k])]
            if not (many := min(limits)):
                continue
            losses = scores[giver, theirs] - scores[taker, theirs]
            order = losses.argsort(stable=True)[:many]
            if best is None or float(losses[order[0]]) < best[0]:
                best = float(losses[order[0]]), theirs[order], taker
    return best[1:] if best else None


def label_under_sizes(
    log_probs: Tensor,
    low: Tensor,
    high: Tensor,
    *,
    seeds: Tensor | None = None,
    tolerance: float = 0.0,
) -> Tensor:
    """Label pixels as a network would, among all labels whose sizes are within their ranges.

    Args:
        log_probs: ln S, (K, P), of the P pixels of Ω.
        low: The least size of each class, a fraction of Ω, (K,); NaN where unknown. The background's follows.
        high: The greatest size, likewise; equal to ``low`` where a size is a number. Within a range the network
            decides.
        seeds: The class of each seed pixel, 255 elsewhere, (P,) uint8, which keep their class.
        tolerance: A pixel is 255 if it belongs to an object whose size is greater by this share, and to none if every
            size is less by it.

    Returns:
        Class of each pixel, (P,) uint8.
    """
    pixels = log_probs.shape[1]
    own = torch.bincount(log_probs.argmax(0), minlength=len(log_probs)).to(low) / pixels
    size = own.maximum(low).minimum(high)  # NaN stays NaN
    if not tolerance:
        return assign(log_probs, _counts(size, pixels), seeds)
    small, large = (assign(log_probs, _counts(size * (1 + way * tolerance), pixels), seeds) for way in (-1, 1))
    undecided = (small == 0) & (large > 0)
    return torch.where(undecided, UNLABELLED, small).to(torch.uint8)


def _counts(sizes: Tensor, pixels: int) -> Tensor:
    counts = sizes * pixels
    counts[0] = (pixels - counts[1:].sum()).clamp(min=0)  # NaN if a structure's size is
    return counts
